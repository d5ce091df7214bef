"""The splits of a dataset as dataset.json describes them; every number has a bound, because files may be damaged or a stranger's."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.typed_json import check_ranges

SPLITS = ("train", "valid", "test")
# A record of a shard has a length, two checksums and a message.
_RECORD_BYTES = 16
_MOST = 2**53


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file: its name in the dataset directory, number of points and bytes, and SHA-256."""

    file: str
    points: int
    bytes: int
    sha256: str

    def check(self) -> None:
        """Raises InputError for what no shard is; the message is a part of a sentence."""
        if os.path.basename(self.file) != self.file or not re.fullmatch(r"[\w-][\w.-]*", self.file, re.ASCII):
            raise InputError(f"it must name shards by plain file names (got {self.file!r:.80})")
        check_ranges(self, bytes=(0, _MOST), points=(0, max(0, self.bytes) // _RECORD_BYTES))
        if not files.SHA256.fullmatch(self.sha256):
            raise InputError(f"the sha256 of {self.file} must be 64 hexadecimal digits (got {self.sha256!r:.80})")


@dataclasses.dataclass(frozen=True)
class Source:
    """One input file.

    Attributes:
      path: the path as given; it goes on behind a zip archive for a member of it, as in `Eurlex.zip/Eurlex/eurlex_train.txt`.
      bytes: the size on disk; of a member, that of the extracted file.
      sha256: SHA-256 of these bytes.
      column: of a file of row numbers, the column that was read, from 0; -1 for any other file.
    """

    path: str
    bytes: int
    sha256: str
    column: int = -1


@dataclasses.dataclass(frozen=True)
class Split:
    """The shards of a split in order, where they came from, and totals over all points.

    Attributes:
      points: number of points.
      features: number of features present, summed over points, after hashing.
      raw_features: the same before hashing.
      labels: number of label assignments, summed over points.
      shards: the TFRecord files.
      sources: the input files.
      without_labels, without_features: number of points that have none; 0 in datasets of versions that did not count them.
    """

    points: int
    features: int
    raw_features: int
    labels: int
    shards: list[Shard]
    sources: list[Source]
    without_labels: int = 0
    without_features: int = 0

    def check(self) -> None:
        """Raises InputError for what no split is; the message is a part of a sentence."""
        for shard in self.shards:
            shard.check()
        total = sum(shard.bytes for shard in self.shards)
        check_ranges(self, features=(0, total), labels=(0, total), raw_features=(0, _MOST))
        if self.points != sum(shard.points for shard in self.shards):
            raise InputError(f"the split must be known and have the points of its shards (got {self.points})")
        check_ranges(self, without_labels=(0, self.points), without_features=(0, self.points))
        for source in self.sources:
            if "\0" in source.path:
                raise InputError(f"a source must be named by a path (got {source.path!r:.80})")
            check_ranges(source, bytes=(0, _MOST), column=(-1, _MOST))


def check_splits(splits: Mapping[str, Split], path: str) -> None:
    """Raises InputError for an unknown split, or for what no split is.

    Args:
      splits: the splits by name.
      path: the dataset.json that they were read from, for messages.
    """
    damaged = "the dataset is damaged: preprocess again."
    for name, split in splits.items():
        if name not in SPLITS:
            raise InputError(f"{path}: split {name!r:.80} must be known, one of {SPLITS}; {damaged}")
        try:
            split.check()
        except InputError as error:
            raise InputError(f"{path}, {name}: {str(error).rstrip('.')}; {damaged}") from None
