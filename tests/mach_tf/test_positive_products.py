"""Products of sparse vectors, against dense ones."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mach_tf.positive_products import PositiveProducts


def matrix(rows, seed, density=0.3, columns=30):
    generator = np.random.default_rng(seed)
    dense = np.where(generator.random((rows, columns)) < density, generator.normal(size=(rows, columns)), 0)
    return scipy.sparse.csr_matrix(dense, dtype=np.float32)


def test_products_are_those_of_dense_matrices_without_the_negative_ones():
    features, vectors = matrix(20, 0), matrix(50, 1)
    found = PositiveProducts(vectors).of(features)
    np.testing.assert_allclose(
        found.toarray(), np.maximum(features.toarray() @ vectors.toarray().T, 0), rtol=1e-5, atol=1e-6
    )
    assert found.dtype == np.float32 and (found.data > 0).all()


def test_entries_are_counted_from_above():
    features, vectors = matrix(20, 0), matrix(50, 1)
    products = PositiveProducts(vectors)
    by_hand = [sum(vectors[:, [column]].nnz for column in features[i].indices) for i in range(20)]
    assert products.most_entries(features).tolist() == by_hand
    assert (np.diff(products.of(features).indptr) <= by_hand).all()


def test_vectors_without_entries_are_not_counted():
    assert PositiveProducts(scipy.sparse.csr_matrix([[0.0, 1.0], [0.0, 0.0]])).vectors == 1
    assert PositiveProducts(scipy.sparse.csr_matrix((3, 2))).vectors == 0


def test_nothing_in_common():
    products = PositiveProducts(scipy.sparse.csr_matrix([[0.0, 1.0]]))
    features = scipy.sparse.csr_matrix([[1.0, 0.0], [0.0, 0.0]])
    assert products.of(features).nnz == 0 and products.most_entries(features).tolist() == [0, 0]
    assert products.of(features[:0]).shape == (0, 1)
