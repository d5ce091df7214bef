"""The labels of a dataset of texts: their keys, which are what the input calls them, their ids, and their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Optional

import numpy as np

from mach_tf import arguments
from mach_tf.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class LabelVocabulary:
    """The labels by id.

    Attributes:
      keys: what the input calls each label.
      names: the name of each label; its key where no name is known.
      ids: the ids of the keys that points keep.
      rare: the number of labels of the training points that are left out.
      unnamed: the number of labels without a name; None if no names were given.
      untrained: the number of labels without a training point, which are numbered by the file of names.
    """

    keys: Sequence[str]
    names: Sequence[str]
    ids: Mapping[str, int]
    rare: int = 0
    unnamed: Optional[int] = None
    untrained: int = 0

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of_counts(
        cls, counts: Mapping[str, int], min_label_count: int = 1, names: Optional[Mapping[str, str]] = None
    ) -> LabelVocabulary:
        """Gives ids to labels by descending count; labels of one count are in the order of their keys.

        Args:
          counts: the number of training points of each key.
          min_label_count: labels with fewer training points are left out.
          names: the names of labels by key, which need not name them all.

        Raises:
          InputError: no label is left.

        Example:
          >>> labels = LabelVocabulary.of_counts({"b": 2, "a": 2, "c": 5, "rare": 1}, min_label_count=2)
          >>> labels.keys, labels.ids["a"], labels.rare
          (['c', 'a', 'b'], 1, 1)
        """
        kept = [key for key, count in counts.items() if count >= min_label_count]
        if not kept:
            most = max(counts.values(), default=0)
            raise InputError(
                f"min_label_count must leave a label (got {min_label_count}, and no label has more than {most} training points). "
                "Lower it."
            )
        kept.sort(key=lambda key: (-counts[key], key))
        known = names or {}
        unnamed = None if names is None else sum(key not in known for key in kept)
        named = [known.get(key, key) for key in kept]
        return cls(kept, named, {key: i for i, key in enumerate(kept)}, len(counts) - len(kept), unnamed)

    @classmethod
    def of_positions(
        cls, counts: Mapping[str, int], names: Sequence[str], path: str, min_label_count: int = 1
    ) -> LabelVocabulary:
        """Gives labels that are whole numbers these as ids, as files of names have it that hold one name per line.

        Args:
          counts: as of `of_counts`.
          names: all names by id, "" for a label without one. Labels without a training point have ids too.
          path: the file of the names, for messages.
          min_label_count: as of `of_counts`; such labels keep their ids, and no point has them.

        Raises:
          InputError: a key is no id, or no label is left.
        """
        keys = [str(i) for i in range(len(names))]
        ids = {key: i for i, key in enumerate(keys)}
        strange = next((key for key in counts if key not in ids), None)
        if strange is not None:
            raise InputError(
                f"Labels must be whole numbers below {len(names)}, the number of names in {path} (got {arguments.shown(strange)}). "
                "Give the names of other labels as lines of a label, a tab and its name."
            )
        rare = sum(count < min_label_count for count in counts.values())
        if rare == len(counts):
            return cls.of_counts(counts, min_label_count)
        kept = {key: ids[key] for key, count in counts.items() if count >= min_label_count}
        if min_label_count > 1:
            ids = kept
        named = [name or key for name, key in zip(names, keys)]
        return cls(keys, named, ids, rare, sum(not name for name in names), len(names) - len(kept))

    @property
    def differing_keys(self) -> Optional[Sequence[str]]:
        """The keys, if some label has another name; otherwise None."""
        return None if list(self.names) == list(self.keys) else self.keys

    def encode(self, records: Iterable[Iterable[str]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Returns the ids of the labels of records.

        Args:
          records: the keys of each record's labels, distinct within a record.

        Returns:
          label_splits int64 [n + 1] and label_ids int64, ascending within each record; and the keys that have no id, as often as
          they occur.
        """
        splits, ids = [0], []
        unknown = []
        for keys in records:
            row = []
            for key in keys:
                label = self.ids.get(key)
                if label is None:
                    unknown.append(key)
                else:
                    row.append(label)
            row.sort()
            ids += row
            splits.append(len(ids))
        return np.array(splits, np.int64), np.array(ids, np.int64), unknown
