"""Points in memory: sparse feature vectors and sets of labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.sparse


@dataclasses.dataclass(frozen=True)
class Points:
    """n points as two row-compressed lists.

    Attributes:
      row_splits: int64 [n + 1]; point i has the features row_splits[i]:row_splits[i + 1].
      feature_ids: int64 [nonzeros], ascending and unique in a point.
      feature_values: float32 [nonzeros].
      label_splits: int64 [n + 1].
      label_ids: int64 [assignments], ascending and unique in a point.
    """

    row_splits: np.ndarray
    feature_ids: np.ndarray
    feature_values: np.ndarray
    label_splits: np.ndarray
    label_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def features(self, columns: int) -> scipy.sparse.csr_matrix:
        """The features as float32 CSR [n, columns]."""
        return scipy.sparse.csr_matrix(
            (self.feature_values, self.feature_ids, self.row_splits), shape=(len(self), columns)
        )

    def labels(self, columns: int) -> scipy.sparse.csr_matrix:
        """The labels as float32 CSR of ones [n, columns]."""
        ones = np.ones(len(self.label_ids), np.float32)
        return scipy.sparse.csr_matrix((ones, self.label_ids, self.label_splits), shape=(len(self), columns))

    def take(self, keep: np.ndarray) -> Points:
        """The points where `keep`, bool [n], is true."""
        rows, feature_kept = _take(self.row_splits, keep)
        labels, label_kept = _take(self.label_splits, keep)
        return Points(
            rows, self.feature_ids[feature_kept], self.feature_values[feature_kept], labels, self.label_ids[label_kept]
        )


def concatenate(parts: Sequence[Points]) -> Points:
    """All points of the parts, in order; at least one part."""
    return Points(
        _join_splits([part.row_splits for part in parts]),
        np.concatenate([part.feature_ids for part in parts]),
        np.concatenate([part.feature_values for part in parts]),
        _join_splits([part.label_splits for part in parts]),
        np.concatenate([part.label_ids for part in parts]),
    )


def from_csr(features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix | None = None) -> Points:
    """Points of CSR matrices.

    Args:
      features: [n, features]; duplicates are summed, explicit zeros dropped; the argument is left as it is.
      labels: [n, labels], any non-zero marks a label; None gives points without labels.
    """
    features = _canonical(features)
    if labels is None:
        label_splits, label_ids = np.zeros(features.shape[0] + 1, np.int64), np.zeros(0, np.int64)
    else:
        labels = _canonical(labels)
        label_splits, label_ids = labels.indptr.astype(np.int64), labels.indices.astype(np.int64)
    return Points(
        features.indptr.astype(np.int64),
        features.indices.astype(np.int64),
        features.data.astype(np.float32),
        label_splits,
        label_ids,
    )


def _take(splits: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.diff(splits)
    return np.concatenate([[0], np.cumsum(lengths[keep])]), np.repeat(keep, lengths)


def _join_splits(splits: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part) for part in splits]))])


def _canonical(matrix: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    matrix = scipy.sparse.csr_matrix(matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix
