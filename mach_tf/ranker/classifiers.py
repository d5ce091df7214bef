"""The linear classifiers of labels, and the points that each of them is told apart from."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mach_tf.decoding.best_list import NO_LABEL
from mach_tf.ranker import descent
from mach_tf.ranker.best_products import best_products
from mach_tf.ranker.largest_entries import largest_entries

# Weights that are kept of a label.
MOST_WEIGHTS = 100
# Labels of a point that are candidates to be told apart from its own, each time that they are searched.
_CANDIDATES = 50
# Labels that a feature of a point is multiplied with: those whose vectors have most of it. Frequent features are in the vectors of a tenth of
# all labels, which would make a search's time grow with points x labels; what they add tells few labels apart.
_LABELS_OF_FEATURE = 2000
# Labels whose centroids are made together.
_LABELS = 1 << 14
# The penalty while candidates are searched; they hardly depend on it.
_PENALTY = 1.0


def candidates(features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Searches the labels that points could be mistaken to have: a label's classifier learns from these points alone.

    First come the labels with the nearest centroids, then those that classifiers, which were trained to tell these apart, rank highest.

    Args:
      features: CSR [n, D], rows of unit length.
      labels: CSR [n, K] of ones.

    Returns:
      int8 CSR [n, K] of ones.
    """
    near = _nearest(features, _centroids(features, labels))
    near += _nearest(features, fit(features, labels, near, _PENALTY))
    near.data[:] = 1
    return near


def fit(
    features: scipy.sparse.csr_matrix,
    labels: scipy.sparse.csr_matrix,
    near: scipy.sparse.csr_matrix,
    penalty: float,
) -> scipy.sparse.csr_matrix:
    """Trains a classifier of each label, to tell its points from those that have it as a candidate.

    Args:
      features: CSR [n, D].
      labels: CSR [n, K] of ones.
      near: CSR [n, K] of ones, the candidates; labels of a point may be among them.
      penalty: C, above 0; see `descent`.

    Returns:
      The weights, float32 CSR [K, D].
    """
    return descent.fit(features, _signs(labels, near), penalty, MOST_WEIGHTS)


def fit_both(
    features: scipy.sparse.csr_matrix,
    labels: scipy.sparse.csr_matrix,
    near: scipy.sparse.csr_matrix,
    penalty: float,
    held_out: np.ndarray,
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """Trains a classifier of each label, and one without the points held out; see `descent.fit_both`.

    Args:
      features, labels, near, penalty: as for `fit`.
      held_out: bool [n].

    Returns:
      The weights of both, float32 CSR [K, D].
    """
    return descent.fit_both(features, _signs(labels, near), penalty, MOST_WEIGHTS, held_out)


def _signs(labels: scipy.sparse.csr_matrix, near: scipy.sparse.csr_matrix) -> scipy.sparse.csc_matrix:
    """Returns 1 for the points of each label, and -1 for those that have it as a candidate alone, int8 CSC [n, K]."""
    # int8, as a large part of the memory is theirs. 1 where a label is only near, at least 2 where it is a point's own.
    signs = scipy.sparse.csc_matrix(near.astype(np.int8, copy=False) + 2 * labels.astype(np.int8))
    signs.data = np.where(signs.data > 1, np.int8(1), np.int8(-1))
    signs.sort_indices()
    return signs


def _nearest(features: scipy.sparse.csr_matrix, vectors: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    by_column = largest_entries(scipy.sparse.csr_matrix(vectors.T), _LABELS_OF_FEATURE)
    best = best_products(features, by_column, _CANDIDATES).labels
    present = best != NO_LABEL
    splits = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    ones = np.ones(splits[-1], np.int8)
    return scipy.sparse.csr_matrix((ones, best[present], splits), (features.shape[0], vectors.shape[0]))


def _centroids(features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Returns the sums of each label's points, scaled to unit length, of which the largest entries are kept, float32 CSR [K, D]."""
    by_label, parts = scipy.sparse.csr_matrix(labels.T), []
    for begin in range(0, by_label.shape[0], _LABELS):
        sums = scipy.sparse.csr_matrix(by_label[begin : begin + _LABELS] @ features, dtype=np.float32)
        lengths = np.sqrt(np.asarray(sums.multiply(sums).sum(axis=1)).ravel())
        scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        centroids = scipy.sparse.csr_matrix(scipy.sparse.diags(scales) @ sums, dtype=np.float32)
        parts.append(largest_entries(centroids, MOST_WEIGHTS))
    return scipy.sparse.vstack(parts, "csr")
