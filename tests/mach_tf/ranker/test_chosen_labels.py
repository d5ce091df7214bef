"""Weights and products of some labels against those of all."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from tests.helpers.rankers import random_ranker

RANKER = random_ranker(40, 30)


def test_weights_at_any_places():
    rng = np.random.default_rng(0)
    labels, rows, columns = rng.integers(0, 40, 7), rng.integers(0, 7, 200), rng.integers(0, 30, 200)
    found = RANKER.weights_at(labels, rows, columns)
    np.testing.assert_array_equal(found, RANKER.weights.toarray()[labels[rows], columns])
    assert found.any() and not found.all() and found.dtype == np.float32
    assert RANKER.weights_at(labels[:0], rows[:0], columns[:0]).shape == (0,)


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_products_are_to_the_last_bit_those_that_are_added(density):
    features = scipy.sparse.random(9, 30, density, "csr", np.float32, random_state=0)
    every = np.tile(np.arange(40), (9, 1))
    found = RANKER.products(features, every)
    np.testing.assert_allclose(found, features.toarray() @ RANKER.weights.toarray().T, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(np.maximum(found, 0), RANKER.added(features).toarray())
    np.testing.assert_array_equal(RANKER.at(features, every), RANKER.added(features).toarray())
    assert (found < 0).any() == bool(density)
