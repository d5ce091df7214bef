"""The result of a conversion of text files, which `mach_tf.preprocess` returns and print() shows as a table."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import numpy as np
import tabulate

from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.libsvm import BadLine
from mach_tf.hashing import COLUMN_BYTES
from mach_tf.manifest import DatasetManifest

_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Converted:
    """A dataset made of text files; its `str()` is a table of the splits.

    Attributes:
      output_dir: the dataset directory.
      manifest: what dataset.json holds.
      skipped: the bad lines that were left out, in the order of the files.
      text_bytes: bytes of text that were read, after decompression.
      seconds: how long the conversion took.
      notes: sentences on the inputs: which files of an archive were read and which were not, and what is doubtful about labels.
    """

    output_dir: str
    manifest: DatasetManifest
    skipped: list[BadLine]
    text_bytes: int
    seconds: float
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def points(self) -> int:
        """Number of points in all splits."""
        return sum(split.points for split in self.manifest.splits.values())

    def to_json(self) -> dict[str, Any]:
        """Returns counts, skipped lines and times as JSON values."""
        counts = ("points", "labels", "raw_features", "features", "without_labels", "without_features")
        return {
            "output_dir": self.output_dir,
            "fingerprint": self.manifest.fingerprint,
            "features": self.manifest.features,
            "columns": self.manifest.columns,
            "labels": self.manifest.labels,
            "splits": {
                name: {**{count: getattr(split, count) for count in counts}, "shards": len(split.shards)}
                for name, split in self.manifest.splits.items()
            },
            "skipped": [str(line) for line in self.skipped],
            "text_bytes": self.text_bytes,
            "seconds": self.seconds,
            "notes": self.notes,
        }

    @property
    def incomplete(self) -> list[str]:
        """A sentence for each split about points without labels, and about points without features."""
        splits = self.manifest.splits.items()
        return [text for name, split in splits for text in Incomplete.of_split(split).sentences(f"of the {name} split")]

    @property
    def hint(self) -> str:
        """What another number of columns would cost and bring, in one sentence that names arguments; "" if features have their own."""
        features, dim = self.manifest.features, self.manifest.feature_spec.dim
        if not dim:
            return ""
        if dim >= features:
            return f"With feature_hash_dim=0 the model would have {features:,} input columns instead of {dim:,}."
        return (
            f"With feature_hash_dim=0 each feature would have its own column, which changed P@1 by -0.2 to 2 points where it was "
            f"measured; 8 repetitions of 512 hidden units would have {_size(features * COLUMN_BYTES)} of first layers instead "
            f"of {_size(dim * COLUMN_BYTES)}."
        )

    def __str__(self) -> str:
        return self.report()

    def report(self, reworded: Callable[[str], str] = str) -> str:
        """Returns the table and the counts; `reworded` changes what names arguments, of which a program makes flags."""
        rows = [
            [
                name,
                f"{split.points:,}",
                f"{split.labels / split.points:.2f}",
                f"{split.raw_features / split.points:.2f}",
                f"{split.features / split.points:.2f}",
                f"{split.raw_features - split.features:,}",
                len(split.shards),
            ]
            for name, split in self.manifest.splits.items()
        ]
        titles = [
            "split",
            "points",
            "labels/point",
            "features/point",
            "after hashing",
            "collisions in points",
            "shards",
        ]
        table = tabulate.tabulate(rows, titles, colalign=["left", *["right"] * 6], disable_numparse=True)
        addition = f" {reworded(self.hint)}" if self.hint else ""
        skipped = f"; {len(self.skipped):,} bad line(s) skipped, listed in skipped.txt" if self.skipped else ""
        return (
            f"{table}\n\n{self.manifest.features:,} features in {self.manifest.columns:,} columns "
            f"({features_that_share_a_column(self.manifest):,} share a column with another), {self.manifest.labels:,} labels.{addition}\n"
            f"{self.points:,} points, {_size(self.text_bytes)} of text in {self.seconds:.1f} s: "
            f"{self.points / self.seconds:,.0f} points/s, {_size(self.text_bytes / self.seconds)}/s{skipped}.\n"
            + "".join(f"{sentence}\n" for sentence in [*map(reworded, self.notes), *self.incomplete])
            + f"Dataset: {self.output_dir}"
        )


def _size(value: float) -> str:
    if value >= 1e9:
        return f"{value / 1e9:,.1f} GB"
    return f"{value / 1e6:,.1f} MB" if value >= 1e6 else f"{value / 1e3:,.1f} kB"


def features_that_share_a_column(manifest: DatasetManifest) -> int:
    """Returns the number of raw features whose column, after hashing, is also that of another."""
    spec = manifest.feature_spec
    if not spec.dim:
        return 0
    counts = np.zeros(spec.dim, np.int64)
    for begin in range(0, manifest.features, _CHUNK):
        raw_ids = np.arange(begin, min(begin + _CHUNK, manifest.features))
        counts += np.bincount(spec.ids(raw_ids), minlength=spec.dim)
    return int(counts[counts > 1].sum())
