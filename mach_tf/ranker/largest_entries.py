"""The largest entries of each row of a sparse matrix."""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse

from mach_tf.kernels import jit


def largest_entries(matrix: scipy.sparse.csr_matrix, most: int) -> scipy.sparse.csr_matrix:
    """Returns a matrix with the `most` entries of largest magnitude of each row; ties go to the first.

    Args:
      matrix: CSR [n, m].
      most: at least 1.

    Returns:
      CSR [n, m].
    """
    kept = np.ones(matrix.nnz, np.bool_)
    _mark(matrix.indptr, np.abs(matrix.data), most, kept)
    splits = np.concatenate([[0], np.cumsum(np.minimum(np.diff(matrix.indptr), most))])
    return scipy.sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], splits), matrix.shape)


@jit(parallel=True)
def _mark(splits, sizes, most, kept):
    for row in numba.prange(len(splits) - 1):
        mark_largest(sizes[splits[row] : splits[row + 1]], most, kept[splits[row] : splits[row + 1]])


@jit()
def mark_largest(sizes, most, kept):
    """Fills bool [n] with which of n sizes are among the `most` largest; ties go to the first."""
    if len(sizes) <= most:
        kept[:] = True
        return
    least = np.partition(sizes, len(sizes) - most)[len(sizes) - most]
    level = most - np.sum(sizes > least)
    for i in range(len(sizes)):
        kept[i] = sizes[i] > least or (sizes[i] == least and level > 0)
        if sizes[i] == least:
            level -= 1
