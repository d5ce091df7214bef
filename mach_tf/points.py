"""Points in memory: their sparse feature vectors and sets of labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Union

import numpy as np
import scipy.sparse

from mach_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Points:
    """n points as two compressed sparse matrices, of features and of labels.

    Attributes:
      row_splits: int64 [n + 1]; point i has the entries row_splits[i]:row_splits[i + 1] of the next two.
      feature_ids: int64 [nonzeros], ascending and unique within each point.
      feature_values: float32 [nonzeros].
      label_splits: int64 [n + 1]; point i has the entries label_splits[i]:label_splits[i + 1] of label_ids.
      label_ids: int64 [assignments], ascending and unique within each point.
    """

    row_splits: np.ndarray
    feature_ids: np.ndarray
    feature_values: np.ndarray
    label_splits: np.ndarray
    label_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def features(self, columns: int) -> scipy.sparse.csr_matrix:
        """Returns the features as float32 CSR [n, columns]."""
        return scipy.sparse.csr_matrix(
            (self.feature_values, self.feature_ids, self.row_splits), shape=(len(self), columns)
        )

    def labels(self, columns: int) -> scipy.sparse.csr_matrix:
        """Returns the labels as float32 CSR of ones [n, columns]."""
        ones = np.ones(len(self.label_ids), np.float32)
        return scipy.sparse.csr_matrix((ones, self.label_ids, self.label_splits), shape=(len(self), columns))

    def rows(self) -> np.ndarray:
        """Returns the point that each feature entry belongs to, int64 [nonzeros]."""
        return np.repeat(np.arange(len(self)), np.diff(self.row_splits))

    def __getitem__(self, rows: Union[slice, range, np.ndarray]) -> Points:
        """Selects points.

        Args:
          rows: a slice or range with step 1, for which no values are copied; a bool mask [n]; or integer positions in any
            order, which may repeat.

        Returns:
          The selected points, in the order of `rows`.
        """
        if isinstance(rows, (slice, range)):
            begin, end, step = slice(rows.start, rows.stop, rows.step).indices(len(self))
            if step != 1:
                raise ValueError(f"a slice or range of rows must have step 1 (got {rows})")
            return self._between(begin, max(begin, end))
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        row_splits, entries = _select(self.row_splits, rows)
        label_splits, assignments = _select(self.label_splits, rows)
        return Points(
            row_splits,
            self.feature_ids[entries],
            self.feature_values[entries],
            label_splits,
            self.label_ids[assignments],
        )

    def _between(self, begin: int, end: int) -> Points:
        features = slice(self.row_splits[begin], self.row_splits[end])
        labels = slice(self.label_splits[begin], self.label_splits[end])
        return Points(
            self.row_splits[begin : end + 1] - features.start,
            self.feature_ids[features],
            self.feature_values[features],
            self.label_splits[begin : end + 1] - labels.start,
            self.label_ids[labels],
        )


def concatenate(parts: Sequence[Points]) -> Points:
    """Joins points, in the order of the parts; there must be at least one part."""
    return Points(
        _join_splits([part.row_splits for part in parts]),
        np.concatenate([part.feature_ids for part in parts]),
        np.concatenate([part.feature_values for part in parts]),
        _join_splits([part.label_splits for part in parts]),
        np.concatenate([part.label_ids for part in parts]),
    )


def from_csr(features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix | None = None) -> Points:
    """Makes points of CSR matrices, which stay unchanged.

    Args:
      features: [n, features]; duplicates are summed and explicit zeros dropped.
      labels: [n, labels], in which any positive number marks a label; None makes points without labels.

    Raises:
      InputError: an index is not within the matrix, or a label is marked by NaN or a negative number.
    """
    for name, matrix in (("features", features), ("labels", labels)):
        if matrix is not None:
            _check_indices(matrix, name)
    features = _canonical(features)
    if labels is None:
        label_splits, label_ids = np.zeros(features.shape[0] + 1, np.int64), np.zeros(0, np.int64)
    else:
        # Compared before they are summed: small integers may add up to 0.
        labels = scipy.sparse.csr_matrix(labels)
        if not (labels.data >= 0).all():
            raise InputError(
                f"labels must be marked by positive numbers (got {labels.data[~(labels.data >= 0)][0]}). Use labels > 0 if they are "
                "coded -1/+1."
            )
        marks = (labels.data != 0, labels.indices, labels.indptr)
        labels = _canonical(scipy.sparse.csr_matrix(marks, shape=labels.shape))
        label_splits, label_ids = labels.indptr.astype(np.int64), labels.indices.astype(np.int64)
    return Points(
        features.indptr.astype(np.int64),
        features.indices.astype(np.int64),
        features.data.astype(np.float32),
        label_splits,
        label_ids,
    )


def _check_indices(matrix: scipy.sparse.csr_matrix, name: str) -> None:
    """Raises InputError unless all column indices are within the matrix; SciPy's own functions follow them anywhere."""
    columns = matrix.indices if matrix.format == "csr" else np.zeros(0, np.int64)
    if len(columns) and not 0 <= columns.min() <= columns.max() < matrix.shape[1]:
        wrong = columns[(columns < 0) | (columns >= matrix.shape[1])][0]
        raise InputError(f"{name} must have column indices in [0, {matrix.shape[1]}) (got {wrong}).")


def _select(splits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the splits of the selected rows, and the positions of their entries."""
    lengths = np.diff(splits)[rows]
    selected = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return selected, np.arange(selected[-1]) + np.repeat(splits[:-1][rows] - selected[:-1], lengths)


def _join_splits(splits: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part) for part in splits]))])


def _canonical(matrix: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    # Small integers would overflow when duplicates are summed.
    matrix = scipy.sparse.csr_matrix(matrix, dtype=None if matrix.dtype.kind == "f" else np.float64, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
