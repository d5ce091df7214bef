"""Weights and products of chosen labels only, whatever the number of all labels."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mach_tf.kernels import jit


def weights_at(
    weights: scipy.sparse.csr_matrix, labels: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Returns weights of chosen labels, float32 [e].

    Args:
      weights: float32 CSR [K, D].
      labels: int [m].
      rows: int [e], positions in `labels`.
      columns: int [e]; entry i is the weight of the label labels[rows[i]] for columns[i], 0 where it has none.

    Example:
      >>> weights_at(scipy.sparse.csr_matrix([[0, 1.5], [2.5, 0]]), np.array([1, 0]), np.array([0, 1, 1]), np.array([0, 0, 1])).tolist()
      [2.5, 0.0, 1.5]
    """
    chosen = weights[labels]
    chosen.sum_duplicates()
    width = weights.shape[1]
    keys = np.repeat(np.arange(len(labels)), np.diff(chosen.indptr)) * width + chosen.indices
    # The last key belongs to no weight, so that every search ends at a place.
    keys = np.append(keys, len(labels) * width)
    wanted = np.asarray(rows, np.int64) * width + columns
    places = np.searchsorted(keys, wanted)
    return np.where(keys[places] == wanted, np.append(chosen.data, 0)[places], 0).astype(np.float32)


def products(weights: scipy.sparse.csr_matrix, features: scipy.sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Returns w_l . x for chosen labels of each point, to the last bit as PositiveProducts has them, float32 [n, m].

    Args:
      weights: float32 CSR [K, D], columns ascending.
      features: CSR [n, D], columns ascending.
      labels: int [n, m].
    """
    found = np.empty(labels.shape, np.float32)
    arrays = [(m.indptr, m.indices, m.data.astype(np.float32, copy=False)) for m in (weights, features)]
    _products(*arrays[0], *arrays[1], np.ascontiguousarray(labels, np.int64), found)
    return found


@jit(nogil=True)
def _products(splits, columns, weights, point_splits, ids, values, labels, found):
    for i in range(len(labels)):
        begin, end = point_splits[i], point_splits[i + 1]
        for m in range(labels.shape[1]):
            total = np.float32(0)
            first = begin
            # Labels have few weights, and a point may have every feature: each weight is searched among the features.
            for j in range(splits[labels[i, m]], splits[labels[i, m] + 1]):
                first += np.searchsorted(ids[first:end], columns[j])
                if first == end:
                    break
                if ids[first] == columns[j]:
                    total += values[first] * weights[j]
            found[i, m] = total
