"""Rank correlation and overlap against their definitions, and at their extremes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.explanations.trials import stability


def _points():
    return points.from_csr(scipy.sparse.random(6, 60, 0.4, "csr", np.float32, random_state=1))


def test_the_same_and_the_opposite():
    of = _points()
    values = np.random.default_rng(0).normal(size=len(of.feature_ids))
    np.testing.assert_allclose(stability.rank_correlation(of, values, 3 * values), 1)
    np.testing.assert_allclose(stability.rank_correlation(of, values, -values), -1)
    np.testing.assert_allclose(stability.top_overlap(of, values, -2 * values), 1)  # by magnitude


@pytest.mark.parametrize("k", [1, 5, 10])
def test_against_definitions(k):
    of = _points()
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, len(of.feature_ids)))
    correlation, overlap = stability.rank_correlation(of, one, other), stability.top_overlap(of, one, other, k)
    for i in range(len(of)):
        a, b = (values[of.row_splits[i] : of.row_splits[i + 1]] for values in (one, other))
        n = len(a)
        difference = np.argsort(np.argsort(a)) - np.argsort(np.argsort(b))
        assert correlation[i] == pytest.approx(1 - 6 * (difference**2).sum() / (n * (n**2 - 1)))
        tops = [set(np.argsort(-np.abs(values))[:k]) for values in (a, b)]
        assert overlap[i] == pytest.approx(len(tops[0] & tops[1]) / k)


def test_small_points():
    of = points.from_csr(scipy.sparse.csr_matrix(np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1.0]])))
    one, other = np.array([1.0, 4, 3, 2, 1]), np.array([1.0, 1, 2, 3, 4])
    assert np.isnan(stability.rank_correlation(of, one, other)[:2]).all()
    assert stability.top_overlap(of, one, other).tolist()[1:] == [1.0, 0.0]
    assert np.isnan(stability.top_overlap(of, one, other)[0])
