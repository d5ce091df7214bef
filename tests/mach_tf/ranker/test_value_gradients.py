"""Gradients for the features of points against dense products."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from tests.helpers.rankers import random_ranker


def test_weighted_sums_of_the_vectors_at_the_features():
    ranker = random_ranker(40, 30)
    features = scipy.sparse.random(9, 30, 0.3, "csr", np.float32, random_state=0)
    slopes = scipy.sparse.random(9, 40, 0.5, "csr", random_state=1).tolil()
    slopes[4] = 0  # a point without slopes
    slopes = scipy.sparse.csr_matrix(slopes)
    found = ranker.value_gradients(slopes, features.indptr, features.indices)
    expected = slopes.toarray() @ ranker.weights.toarray()
    np.testing.assert_allclose(found, expected[features.nonzero()], rtol=1e-4, atol=1e-6)
    again = ranker.value_gradients(slopes, features.indptr, features.indices)
    np.testing.assert_array_equal(found, again)
