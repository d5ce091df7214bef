"""The features that drive each label: a sparse matrix of means, a table of the largest, and a summary to print."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import scipy.sparse
import tabulate

from mach_tf import files
from mach_tf.visible_text import shown_name

MATRIX_FILE = "global.npz"
TABLE_FILE = "global.tsv"
FILES = (MATRIX_FILE, TABLE_FILE)
_SUMMARY_LABELS = 15
_SUMMARY_FEATURES = 5


class FeatureDriver(NamedTuple):
    """A feature and its mean attribution over the points of a label.

    Attributes:
      feature: the raw id.
      name: "" if there are no names.
      mean: the mean attribution.
    """

    feature: int
    name: str
    mean: float


@dataclasses.dataclass(frozen=True, eq=False)
class LabelDrivers:
    """Mean attributions of every feature over the points of each label.

    Attributes:
      means: CSR [labels, features].
      counts: int64 [labels], the number of points of each label.
      feature_names, label_names: by raw id; None if there are no names.
    """

    means: scipy.sparse.csr_matrix
    counts: np.ndarray
    feature_names: Optional[Sequence[str]] = None
    label_names: Optional[Sequence[str]] = None

    def of_label(self, label: int, limit: int) -> list[FeatureDriver]:
        """Returns the features of a label with the largest mean attributions, largest magnitude first.

        Args:
          label: the label's id.
          limit: the largest number of features to return.
        """
        begin, end = self.means.indptr[label : label + 2]
        ids, values = self.means.indices[begin:end], self.means.data[begin:end]
        largest = np.argsort(-np.abs(values), kind="stable")[:limit]
        names = self.feature_names
        return [FeatureDriver(int(ids[i]), names[ids[i]] if names else "", float(values[i])) for i in largest]

    def write(self, directory: str, limit: int) -> None:
        """Writes global.npz, the whole matrix, and global.tsv, the `limit` largest features of each label with points."""
        with files.atomic_write(os.path.join(directory, MATRIX_FILE)) as file:
            scipy.sparse.save_npz(file, self.means)
        text = io.StringIO(newline="")
        table = csv.writer(text, delimiter="\t", lineterminator="\n")
        table.writerow(["label", "label_name", "points", "feature", "feature_name", "mean_attribution"])
        for label, name, drivers in self._rows(np.flatnonzero(self.counts), limit):
            table.writerows([label, name, self.counts[label], d.feature, d.name, f"{d.mean:.6g}"] for d in drivers)
        with files.atomic_write(os.path.join(directory, TABLE_FILE)) as file:
            file.write(text.getvalue().encode())

    def table(self) -> str:
        """Returns a table of the labels with the most points."""
        most = np.argsort(-self.counts, kind="stable")[:_SUMMARY_LABELS]
        rows = [
            [
                shown_name(name or str(label)),
                self.counts[label],
                ", ".join(f"{shown_name(d.name or str(d.feature))} {d.mean:+.2f}" for d in drivers),
            ]
            for label, name, drivers in self._rows(most[self.counts[most] > 0], _SUMMARY_FEATURES)
        ]
        return tabulate.tabulate(rows, ["label", "points", "features with the largest mean attributions"])

    def to_json(self, limit: int = 20) -> list[dict[str, Any]]:
        """Returns the labels that have points, each with its `limit` largest features, as JSON values."""
        return [
            {
                "label": label,
                "label_name": name or None,
                "points": int(self.counts[label]),
                "features": [
                    {"feature": d.feature, "feature_name": d.name or None, "mean_attribution": d.mean} for d in drivers
                ],
            }
            for label, name, drivers in self._rows(np.flatnonzero(self.counts), limit)
        ]

    def summary(self, colours: bool = False, columns: int = 100) -> str:
        """Returns the table; WrittenExplanations has more to say here."""
        return self.table()

    def __str__(self) -> str:
        return self.table()

    def _rows(self, labels: Iterable[int], limit: int) -> Iterator[tuple[int, str, list[FeatureDriver]]]:
        """Yields each label, its name and its features with the largest mean attributions."""
        for label in labels:
            name = self.label_names[label] if self.label_names else ""
            yield int(label), name, self.of_label(label, limit)
