"""Straight paths from baselines to points, the labels to explain, and the integrals along the paths; all sparse."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse


class Paths(NamedTuple):
    """n straight paths x' + t (x - x'), t in [0, 1], over the features where x or x' is not zero.

    Attributes:
      row_splits: int64 [n + 1]; path i has the entries row_splits[i]:row_splits[i + 1].
      feature_ids: int64 [nonzeros], hashed ids, ascending and unique within a path.
      start: x', float64 [nonzeros].
      difference: x - x', float64 [nonzeros].
    """

    row_splits: np.ndarray
    feature_ids: np.ndarray
    start: np.ndarray
    difference: np.ndarray

    @property
    def points(self) -> int:
        """The number of paths, n. (The length of a named tuple is its number of fields.)"""
        return len(self.row_splits) - 1

    def rows(self) -> np.ndarray:
        """Returns the path of each entry, int64 [nonzeros]."""
        return np.repeat(np.arange(self.points), np.diff(self.row_splits))

    def slice(self, begin: int, end: int) -> Paths:
        """Returns the paths begin:end."""
        first, last = self.row_splits[begin], self.row_splits[end]
        splits = self.row_splits[begin : end + 1] - first
        return Paths(splits, self.feature_ids[first:last], self.start[first:last], self.difference[first:last])


class Pairs(NamedTuple):
    """The labels to explain for each of n points.

    Attributes:
      splits: int64 [n + 1]; point i has the pairs splits[i]:splits[i + 1].
      labels: int64 [pairs].
    """

    splits: np.ndarray
    labels: np.ndarray

    @classmethod
    def of_matrix(cls, labels: np.ndarray) -> Pairs:
        """Returns the pairs of n points that have the same number of labels each.

        Args:
          labels: integers [n, m], or [n] for one label each.

        Example:
          >>> Pairs.of_matrix(np.array([[3, 1], [0, 2]])).splits.tolist()
          [0, 2, 4]
        """
        each = labels.shape[1] if labels.ndim == 2 else 1
        return cls(np.arange(len(labels) + 1, dtype=np.int64) * each, labels.reshape(-1).astype(np.int64))

    def points(self) -> np.ndarray:
        """Returns the point of each pair, int64 [pairs]."""
        return np.repeat(np.arange(len(self.splits) - 1), np.diff(self.splits))

    def slice(self, begin: int, end: int) -> Pairs:
        """Returns the pairs of the points begin:end."""
        first, last = self.splits[begin], self.splits[end]
        return Pairs(self.splits[begin : end + 1] - first, self.labels[first:last])


class PathIntegrals(NamedTuple):
    """Integrated gradients of (point, label) pairs.

    Attributes:
      splits: int64 [pairs + 1]; pair p has the entries splits[p]:splits[p + 1], one for each feature of its path.
      gradients: float64 [entries], the gradient of the score for each feature, averaged over the path. Multiplied by the
        path's `difference` it is the attribution.
      scores: F(x), float64 [pairs].
      baseline_scores: F(x'), float64 [pairs].
    """

    splits: np.ndarray
    gradients: np.ndarray
    scores: np.ndarray
    baseline_scores: np.ndarray

    def attributions(self, paths: Paths, pairs: Pairs) -> np.ndarray:
        """Returns the attribution of every entry of every pair, float64 [entries]."""
        return self.gradients * paths.difference[self.entries(paths, pairs)]

    def entries(self, paths: Paths, pairs: Pairs) -> np.ndarray:
        """Returns the position in `paths` of every entry of every pair, int64 [entries]."""
        first = paths.row_splits[pairs.points()] - self.splits[:-1]
        return np.arange(self.splits[-1]) + np.repeat(first, np.diff(self.splits))

    def less(self, other: PathIntegrals) -> PathIntegrals:
        """Returns the integrals of the difference of two scores, of pairs with the same points."""
        return PathIntegrals(
            self.splits,
            self.gradients - other.gradients,
            self.scores - other.scores,
            self.baseline_scores - other.baseline_scores,
        )

    def completeness_gaps(self, paths: Paths, pairs: Pairs) -> np.ndarray:
        """Returns sum(attributions) - (F(x) - F(x')), float64 [pairs]."""
        # reduceat cannot sum empty segments; the appended zero keeps the index of an empty last one in range.
        totals = np.add.reduceat(np.append(self.attributions(paths, pairs), 0.0), self.splits[:-1])
        totals[np.diff(self.splits) == 0] = 0.0
        return totals - (self.scores - self.baseline_scores)


def entry_splits(paths: Paths, pairs: Pairs) -> np.ndarray:
    """Returns the `splits` that the integrals of these pairs have, int64 [pairs + 1]."""
    lengths = np.diff(paths.row_splits)[pairs.points()]
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def between(start: scipy.sparse.csr_matrix, end: scipy.sparse.csr_matrix) -> Paths:
    """Returns the paths from the rows of one matrix to the rows of another.

    Args:
      start: CSR [n, columns], or [1, columns] for one baseline for all.
      end: CSR [n, columns].

    Raises:
      ValueError: the shapes do not fit.
    """
    start, end = (scipy.sparse.csr_matrix(matrix, dtype=np.float64) for matrix in (start, end))
    if start.shape[0] == 1 and end.shape[0] != 1:
        start = scipy.sparse.vstack([start] * end.shape[0], format="csr") if end.shape[0] else start[:0]
    if start.shape != end.shape:
        raise ValueError(f"start and end must have one shape (got {start.shape} and {end.shape})")
    columns = end.shape[1]
    keys, values = zip(*(_keys_and_values(matrix) for matrix in (start, end)))
    union, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    first, last = (
        np.bincount(entries, weights=data, minlength=len(union)).astype(np.float64)
        for entries, data in zip(np.split(inverse, [len(keys[0])]), values)
    )
    row_splits = np.searchsorted(union, np.arange(end.shape[0] + 1, dtype=np.int64) * columns)
    return Paths(row_splits.astype(np.int64), union % max(columns, 1), first, last - first)


def _keys_and_values(matrix: scipy.sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    coordinates = matrix.tocoo()
    return coordinates.row.astype(np.int64) * matrix.shape[1] + coordinates.col, coordinates.data


def from_zero(end: scipy.sparse.csr_matrix) -> Paths:
    """Returns the paths from the zero vector to the rows of a matrix, CSR [n, columns]."""
    end = scipy.sparse.csr_matrix(end, copy=True)
    end.sum_duplicates()
    end.sort_indices()
    difference = end.data.astype(np.float64)
    return Paths(end.indptr.astype(np.int64), end.indices.astype(np.int64), np.zeros_like(difference), difference)
