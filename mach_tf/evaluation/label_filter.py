"""Pairs of points and labels that an evaluation leaves out of predictions and truth.

The repository's LF-* data sets come with filter_labels_test.txt: pairs of a point and a label that are the same item, which
published figures do not count. Each line holds a point and a label, `point label`, both from 0; points count in the order of the text that
the split was made from.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any, Callable

import numpy as np
import scipy.sparse

from mach_tf import files, zip_members
from mach_tf.data.bad_line import show
from mach_tf.data.dataset import SKIPPED_FILE
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points

_BLOCK_BYTES = 1 << 20
# Whole lines: a point and a label each, or nothing.
_PAIRS = re.compile(rb"(?:[ \t]*(?:[0-9]{1,18}[ \t]+[0-9]{1,18}[ \t]*)?\r?\n)*")


@dataclasses.dataclass(frozen=True)
class LabelFilter:
    """Pairs to leave out.

    Attributes:
      path: the file that they were read from.
      sha256: its SHA-256.
      excluded: bool CSR [points, labels], canonical; true where a pair is left out.
    """

    path: str
    sha256: str
    excluded: scipy.sparse.csr_matrix

    def to_json(self) -> dict[str, Any]:
        """Returns what metrics.json holds under "filter_labels"."""
        return {"path": self.path, "sha256": self.sha256, "pairs": int(self.excluded.nnz)}

    def truth(self, points: Points) -> Points:
        """Returns the points without the labels that are left out."""
        labels = points.labels(self.excluded.shape[1]).astype(bool)
        left = scipy.sparse.csr_matrix(labels > labels.multiply(self.excluded))
        left.eliminate_zeros()
        left.sort_indices()
        return dataclasses.replace(
            points, label_splits=left.indptr.astype(np.int64), label_ids=left.indices.astype(np.int64)
        )


def read_label_filter(path: str, dataset_dir: str, dataset: DatasetManifest, split: str, n_points: int) -> LabelFilter:
    """Reads the pairs of the first `n_points` points of a split.

    Args:
      path: the file, plain or compressed.
      dataset_dir: the dataset directory.
      dataset: its manifest.
      split: the split that is evaluated.
      n_points: the number of its points that are evaluated.

    Raises:
      InputError: a line that is no pair, a point or a label that does not exist, or a split whose points are not those of its
        text, so that their numbers are unknown.
    """
    _check_numbering(dataset_dir, dataset, split)
    pairs, sha256 = _read_pairs(path, dataset.split(split).points, dataset.labels)
    pairs = pairs[pairs[:, 0] < n_points]
    ones = np.ones(len(pairs), bool)
    excluded = scipy.sparse.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(n_points, dataset.labels))
    excluded.sum_duplicates()
    return LabelFilter(path, sha256, excluded)


def _check_numbering(dataset_dir: str, dataset: DatasetManifest, split: str) -> None:
    if os.path.exists(os.path.join(dataset_dir, SKIPPED_FILE)):
        raise InputError(
            f"filter_labels counts the points of the text, but preprocessing left lines out ({SKIPPED_FILE} in {dataset_dir} "
            "lists them). Correct these lines, and preprocess again."
        )
    held_back = "valid" in dataset.splits and not dataset.splits["valid"].sources
    if split != "test" and held_back:
        raise InputError(
            f"filter_labels counts the points of the text, but the {split} split holds a part of them, because valid_fraction "
            "held points back. Evaluate the test split."
        )


def _read_pairs(path: str, points: int, labels: int) -> tuple[np.ndarray, str]:
    """Returns int64 [pairs, 2] and the SHA-256 of the file."""
    if zip_members.is_empty(path):  # as some of the repository's data sets have it
        return np.empty((0, 2), np.int64), files.sha256(path)
    parts = []
    with TextFile(path) as file:
        for block in iter(lambda: file.block(_BLOCK_BYTES), b""):
            first = file.line_count - block.count(b"\n") + 1
            if not _PAIRS.fullmatch(block):
                raise InputError(
                    f"{path}, {_first_line(block, first, lambda line: not _PAIRS.fullmatch(line))}: a line must be a point and a "
                    "label, both numbers from 0, such as '3 17'. Give a file such as the repository's filter_labels_test.txt."
                )
            pairs = np.array(block.split(), np.int64).reshape(-1, 2)
            if ((pairs < 0) | (pairs >= (points, labels))).any():
                where = _first_line(
                    block, first, lambda line: bool(line.split()) and not _is_inside(line, points, labels)
                )
                raise InputError(
                    f"{path}, {where}: a pair must name a point below {points} and a label below {labels}. Give the file of this "
                    "split of this data set."
                )
            parts.append(pairs)
        return np.concatenate(parts), file.finish().sha256


def _is_inside(line: bytes, points: int, labels: int) -> bool:
    point, label = map(int, line.split())
    return point < points and label < labels


def _first_line(block: bytes, first: int, wrong: Callable[[bytes], bool]) -> str:
    """Returns the number and the text of the first wrong line, as messages show them."""
    for number, line in enumerate(block.splitlines(keepends=True), first):
        if wrong(line):
            return f"line {number} ({show(line)})"
    raise AssertionError("a line must be wrong")
