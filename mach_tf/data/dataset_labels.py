"""The labels of a dataset's splits, given as matrices or as sequences, with the same ids in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, Protocol

import numpy as np
import scipy.sparse

from mach_tf.data import arrays
from mach_tf.data.label_sequences import LabelSets, is_label_matrix, label_sequences
from mach_tf.data.matrix_blocks import Matrix, open_matrix
from mach_tf.errors import InputError


class Labels(Protocol):
    """Labels of a split.

    Attributes:
      shape: points and labels.
    """

    shape: tuple[int, int]

    def rows(self, begin: int, end: int) -> scipy.sparse.csr_matrix:
        """Canonical CSR of ones of the points begin:end."""

    def content(self) -> Iterator[np.ndarray]:
        """Yields arrays whose bytes identify the labels."""


def open_labels(
    splits: Mapping[str, Any], label_names: Optional[Sequence[str]]
) -> tuple[dict[str, Labels], Optional[Sequence[str]]]:
    """Opens the labels of all splits.

    Args:
      splits: by name, what `write_dataset` takes as Y; "train" is among them.
      label_names: one name per label, or None if they are unknown.

    Returns:
      The labels of each split, and the names of the labels, or None if they are unknown.

    Raises:
      InputError: labels of a split break a rule, or do not go with those of another.
    """
    if is_label_matrix(splits["train"]):
        for split, labels in splits.items():
            if isinstance(labels, (list, tuple)) and not is_label_matrix(labels):
                raise InputError(
                    f"{split}: Y must be an indicator matrix, as the training Y is (got a list of other labels)."
                )
        opened = {split: open_matrix(labels, f"{split}: Y") for split, labels in splits.items()}
        names = opened["train"].column_names
        for split, matrix in opened.items():
            if None not in (names, matrix.column_names) and matrix.column_names != names:
                raise InputError(
                    f"{split}: Y must have the columns of the training Y, in the same order. Select them by name."
                )
        indicators: dict[str, Labels] = {split: _Indicator(matrix) for split, matrix in opened.items()}
        return indicators, names if label_names is None else label_names
    return _open_sequences(splits, label_names)


def _open_sequences(
    splits: Mapping[str, Any], label_names: Optional[Sequence[str]]
) -> tuple[dict[str, Labels], Optional[Sequence[str]]]:
    sets = {}
    for split, labels in splits.items():
        if is_label_matrix(labels):
            raise InputError(f"{split}: Y must hold label sequences, as the training Y does (got a matrix).")
        sets[split] = label_sequences(labels, f"{split}: Y", min_classes=1 if split == "train" else 0)
    is_text = {split: found.classes.dtype.kind in "OU" for split, found in sets.items() if len(found.classes)}
    for split, different in is_text.items():
        if different != is_text["train"]:
            raise InputError(f"{split}: Y must hold labels of the same type as the training Y, integers or strings.")
    if is_text["train"]:
        label_names = _vocabulary(sets, label_names)
        place_of = {name: place for place, name in enumerate(label_names)}
        ids = {split: _ids(split, found, place_of) for split, found in sets.items()}
        count = len(label_names)
    else:
        ids = {split: _checked(split, found.classes) for split, found in sets.items()}
        largest = max(int(of.max(initial=0)) for of in ids.values())
        count = largest + 1 if label_names is None else len(label_names)
    return {split: _Sequences(split, sets[split].indicator, ids[split], count) for split in sets}, label_names


class _Indicator:
    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self.shape = matrix.shape

    def rows(self, begin: int, end: int) -> scipy.sparse.csr_matrix:
        return arrays.label_rows(self._matrix, begin, end)

    def content(self) -> Iterator[np.ndarray]:
        return self._matrix.content()


class _Sequences:
    def __init__(self, split: str, indicator: scipy.sparse.csr_matrix, ids: np.ndarray, labels: int) -> None:
        if ids.max(initial=0) >= labels:
            raise InputError(
                f"{split}: Y must hold label ids below {labels}, the number of label_names (got {ids.max()})."
            )
        self.shape = indicator.shape[0], labels
        parts = (indicator.data, ids[indicator.indices], indicator.indptr)
        self._csr = scipy.sparse.csr_matrix(parts, shape=self.shape)
        self._csr.sort_indices()

    def rows(self, begin: int, end: int) -> scipy.sparse.csr_matrix:
        return self._csr[begin:end]

    def content(self) -> Iterator[np.ndarray]:
        yield from (self._csr.indptr, self._csr.indices, self._csr.data)


def _vocabulary(sets: Mapping[str, LabelSets], label_names: Optional[Sequence[str]]) -> Sequence[str]:
    if label_names is None:
        return sorted({str(name) for found in sets.values() for name in found.classes})
    if len(set(label_names)) != len(label_names):
        raise InputError("label_names must not repeat a name if Y holds names: it would have two ids.")
    return label_names


def _ids(split: str, found: LabelSets, place_of: Mapping[str, int]) -> np.ndarray:
    unknown = next((column for column, name in enumerate(found.classes) if name not in place_of), None)
    if unknown is not None:
        point = int(found.indicator[:, [unknown]].nonzero()[0][0])
        raise InputError(
            f"{split}: Y must hold labels of label_names (got {found.classes[unknown]!r:.60} for point {point}). "
            "Add it to label_names, or leave label_names out."
        )
    return np.fromiter(map(place_of.__getitem__, found.classes), np.int64, len(found.classes))


def _checked(split: str, classes: np.ndarray) -> np.ndarray:
    if len(classes) and (classes.dtype.kind not in "iu" or classes[0] < 0):
        raise InputError(
            f"{split}: Y must hold label ids from 0, or strings (got {classes[0]}). Use strings for other labels: "
            "str(label)."
        )
    return classes.astype(np.int64)
