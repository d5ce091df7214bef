"""Products of sparse vectors, against dense ones."""

from __future__ import annotations

import numpy as np
import pytest
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
    assert products.largest(features, np.zeros(2, np.float32), np.zeros((2, 0))).nnz == 0
    assert products.largest(features[:0], np.empty(0, np.float32), np.empty((0, 3))).shape == (0, 1)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("chosen", [0, 1, 2000])
def test_the_largest_products_and_those_of_chosen_vectors(share, chosen):
    """More than the kernel has room for at first, of floors that some products reach exactly, and of chosen vectors whatever they have."""
    features, vectors = matrix(5, 0), matrix(3000, 1)
    every = (products := PositiveProducts(vectors)).of(features).toarray()
    floors = np.sort(every, axis=1)[:, round(share * 2999)]
    wanted = np.stack([np.random.default_rng(i).permutation(3000)[:chosen] for i in range(5)])
    kept = every >= floors[:, None]
    np.put_along_axis(kept, wanted, True, axis=1)
    found = products.largest(features, floors, wanted)
    np.testing.assert_array_equal(found.toarray(), np.where(kept, every, 0))
    assert found.dtype == np.float32 and found.has_canonical_format and (found.data > 0).all()
    assert share < 1 or chosen or found.nnz == 5


def test_a_floor_that_is_no_number_leaves_nothing_out():
    features, products = matrix(2, 0), PositiveProducts(matrix(50, 1))
    floors, none = np.full(2, np.nan, np.float32), np.zeros((2, 0))
    np.testing.assert_array_equal(products.largest(features, floors, none).toarray(), products.of(features).toarray())


def test_products_of_float64_points_have_the_same_bits_both_ways():
    features, products = matrix(5, 0).astype(np.float64), PositiveProducts(matrix(50, 1))
    features.data *= np.random.default_rng(2).uniform(0.5, 1, features.nnz)  # values that float32 must round
    found = products.largest(features, np.zeros(5, np.float32), np.zeros((5, 0)))
    np.testing.assert_array_equal(found.toarray(), products.of(features).toarray())


def test_products_that_are_no_numbers_are_not_lost():
    products = PositiveProducts(scipy.sparse.csr_matrix([[np.inf, -np.inf], [np.inf, 0.0], [1.0, 1.0]]))
    features = scipy.sparse.csr_matrix([[1.0, 1.0]])
    found = products.largest(features, np.full(1, 5, np.float32), np.zeros((1, 0)))
    np.testing.assert_array_equal(found.toarray(), [[np.nan, np.inf, 0]])
    np.testing.assert_array_equal(products.of(features).toarray(), [[np.nan, np.inf, 2]])
