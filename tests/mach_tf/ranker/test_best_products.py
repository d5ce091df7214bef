"""The largest products of each point, against sorting all of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.decoding.best_list import NO_LABEL
from mach_tf.ranker.best_products import best_products


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("k", [1, 4, 200])
def test_the_largest_positive_products(levels, k):
    """Few levels make equal products, of which the smaller number comes first, and sums that come back to zero."""
    generator = np.random.default_rng(levels)
    x, v = (
        np.where(generator.random((rows, 25)) < 0.3, generator.integers(-levels, levels + 1, (rows, 25)), 0)
        for rows in (30, 60)
    )
    best = best_products(
        scipy.sparse.csr_matrix(x, dtype=np.float32), scipy.sparse.csr_matrix(v.T, dtype=np.float32), k
    )
    products = x @ v.T
    for i in range(30):
        order = [j for j in np.argsort(-products[i], kind="stable") if products[i, j] > 0][:k]
        assert [j for j in best.labels[i] if j != NO_LABEL] == order
        np.testing.assert_array_equal(best.values[i, : len(order)], products[i, order])
        assert (best.values[i, len(order) :] == -np.inf).all()


def test_no_points_and_points_without_features():
    vectors = scipy.sparse.csr_matrix(np.eye(3, dtype=np.float32))
    assert best_products(vectors[:0], vectors, 2).labels.shape == (0, 2)
    assert (best_products(scipy.sparse.csr_matrix((2, 3), dtype=np.float32), vectors, 2).labels == NO_LABEL).all()
