"""Products of sparse points with sparse vectors, of which the positive ones count: scores of names, and of a ranker."""

from __future__ import annotations

import functools

import numpy as np
import scipy.sparse

from mach_tf.kernels import jit

# What every product above 0 reaches.
_SMALLEST = np.nextafter(np.float32(0), np.float32(1))


class PositiveProducts:
    """The products of points with K vectors; those below 0 count as 0.

    Args:
      vectors: CSR [K, D].

    Example:
      >>> import scipy.sparse
      >>> products = PositiveProducts(scipy.sparse.csr_matrix([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]]))
      >>> products.of(scipy.sparse.csr_matrix([[2.0, 0.0]])).toarray()
      array([[2. , 1.2, 0. ]], dtype=float32)
    """

    def __init__(self, vectors: scipy.sparse.csr_matrix) -> None:
        self._vectors = vectors

    @functools.cached_property
    def by_column(self) -> scipy.sparse.csr_matrix:
        """The vectors by column, float32 CSR [D, K]; made when first asked for, as it takes as much memory as they do."""
        return scipy.sparse.csr_matrix(self._vectors.T, dtype=np.float32)

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
          features: CSR [n, D], taken as float32.
        """
        found = scipy.sparse.csr_matrix(features.astype(np.float32, copy=False) @ self.by_column)
        found.data = np.maximum(found.data, 0)
        found.eliminate_zeros()
        return found

    def largest(
        self, features: scipy.sparse.csr_matrix, floors: np.ndarray, vectors: np.ndarray
    ) -> scipy.sparse.csr_matrix:
        """Returns the products above 0 that are not below a floor, and those of chosen vectors, to the last bit as `of` has them.

        With very many vectors that a point has columns in common with, this is several times as fast as `of` and takes memory for what it returns.

        Args:
          features: CSR [n, D].
          floors: float32 [n].
          vectors: int [n, m], for each point vectors whose products are returned even below the floor, if they are above 0.

        Returns:
          float32 CSR [n, K], columns ascending.
        """
        arrays = [(m.indptr, m.indices, m.data.astype(np.float32, copy=False)) for m in (features, self.by_column)]
        width = self.by_column.shape[1]
        splits, columns, values = _largest(
            *arrays[0], *arrays[1], width, floors, np.ascontiguousarray(vectors, np.int64)
        )
        found = scipy.sparse.csr_matrix((values, columns, splits), (features.shape[0], width))
        found.sort_indices()
        return found


@jit(nogil=True)
def _largest(splits, ids, values, column_splits, column_ids, column_values, width, floors, chosen):
    points, count = len(splits) - 1, 0
    products = np.zeros(width, np.float32)
    ends, found, sums = np.zeros(points + 1, np.int64), np.empty(1024, np.int32), np.empty(1024, np.float32)
    for i in range(points):
        for j in range(splits[i], splits[i + 1]):
            for m in range(column_splits[ids[j]], column_splits[ids[j] + 1]):
                products[column_ids[m]] += values[j] * column_values[m]
        # A floor that is not a number leaves nothing out.
        least = floors[i] if floors[i] > 0 else _SMALLEST
        room = len(chosen[i]) + width - np.sum(products < least)
        if count + room > len(found):
            more = max(room, len(found))
            found, sums = np.append(found, np.empty(more, np.int32)), np.append(sums, np.empty(more, np.float32))
        count = _take(products, least, chosen[i], found, sums, count)
        products[:] = 0
        ends[i + 1] = count
    return ends, found[:count].copy(), sums[:count].copy()


@jit()
def _take(products, least, chosen, found, sums, count):
    """Writes the products of chosen vectors and the large ones of others, with the vectors' numbers, from place `count` on; returns the end."""
    for vector in chosen:
        if products[vector] > 0:
            found[count], sums[count] = vector, products[vector]
            count += 1
            products[vector] = 0
    # All vectors one after the other, by a comparison that is seldom false: faster than a list of those with a column in common.
    # A product that is not a number is below nothing, so that it is not lost.
    for vector in range(len(products)):
        if not products[vector] < least:
            found[count], sums[count] = vector, products[vector]
            count += 1
    return count
