"""The largest entries of each row of a sparse matrix."""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse

from mach_tf.kernels import jit


def largest_entries(matrix: scipy.sparse.csr_matrix, most: int) -> scipy.sparse.csr_matrix:
    """Returns a matrix with the `most` entries of largest magnitude of each row, and those that are as large as the last of them.

    Args:
      matrix: CSR [n, m].
      most: at least 1.

    Returns:
      CSR [n, m].
    """
    kept = np.ones(matrix.nnz, np.bool_)
    _mark(matrix.indptr, np.abs(matrix.data), most, kept)
    splits = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return scipy.sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], splits), matrix.shape)


@jit(parallel=True)
def _mark(splits, sizes, most, kept):
    for row in numba.prange(len(splits) - 1):
        begin, end = splits[row], splits[row + 1]
        if end - begin > most:
            least = np.partition(sizes[begin:end], end - begin - most)[end - begin - most]
            for i in range(begin, end):
                kept[i] = sizes[i] >= least
