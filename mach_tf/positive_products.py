"""Products of sparse points with sparse vectors, of which the positive ones count: scores of names, and of a ranker."""

from __future__ import annotations

import numpy as np
import scipy.sparse


class PositiveProducts:
    """The products of points with K vectors; those below 0 count as 0.

    Args:
      vectors: CSR [K, D].

    Attributes:
      by_column: float32 CSR [D, K], the vectors by column.

    Example:
      >>> import scipy.sparse
      >>> products = PositiveProducts(scipy.sparse.csr_matrix([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]]))
      >>> products.of(scipy.sparse.csr_matrix([[2.0, 0.0]])).toarray()
      array([[2. , 1.2, 0. ]], dtype=float32)
    """

    def __init__(self, vectors: scipy.sparse.csr_matrix) -> None:
        self.by_column = scipy.sparse.csr_matrix(vectors.T, dtype=np.float32)

    @property
    def vectors(self) -> int:
        """The number of vectors that are not zero."""
        return int(np.count_nonzero(np.bincount(self.by_column.indices, minlength=1)))

    def most_entries(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns for each point at least the number of its products above 0, int64 [n]: vectors count once for each column in common."""
        vectors_of_column = np.diff(self.by_column.indptr).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(vectors_of_column[features.indices])])
        return sums[features.indptr[1:]] - sums[features.indptr[:-1]]

    def of(self, features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        """Returns the products above 0, float32 CSR [n, K].

        Args:
          features: CSR [n, D].
        """
        found = scipy.sparse.csr_matrix(features @ self.by_column, dtype=np.float32)
        found.data = np.maximum(found.data, 0)
        found.eliminate_zeros()
        return found
