"""Values of chosen labels in the rows of sparse matrices."""

from __future__ import annotations

import numpy as np
import scipy.sparse


def values_at(added: scipy.sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Returns what is added to the scores of chosen labels, float32 [n, m].

    Args:
      added: CSR [n, K], each label at most once in a row.
      labels: int [n, m].
    """
    added = added.sorted_indices()
    found, known = places(added, labels)
    return np.where(known, np.append(added.data, 0).astype(np.float32)[found], np.float32(0))


def places(added: scipy.sparse.csr_matrix, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of labels, int [n, m], among the entries of a sorted CSR [n, K], and whether they are there."""
    n, width = added.shape
    rows = np.repeat(np.arange(n, dtype=np.int64), np.diff(added.indptr))
    # The last key belongs to no label, so that every search ends at a place.
    keys = np.append(rows * width + added.indices, n * width)
    wanted = np.arange(n, dtype=np.int64)[:, None] * width + labels
    found = np.searchsorted(keys, wanted)
    return found, keys[found] == wanted
