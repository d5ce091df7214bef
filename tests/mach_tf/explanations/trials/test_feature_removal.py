"""Curves against a loop over points, for a linear score whose curves are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.sparse

from mach_tf import points
from mach_tf.explanations.trials import feature_removal


def _points(n=5, seed=0):
    return points.from_csr(scipy.sparse.random(n, 30, 0.4, "csr", np.float32, random_state=seed))


def test_ranks_are_of_each_point():
    of = _points()
    importance = np.random.default_rng(1).integers(0, 4, len(of.feature_ids)).astype(float)
    rank = feature_removal.ranks(of, importance)
    for i in range(len(of)):
        here = slice(of.row_splits[i], of.row_splits[i + 1])
        expected = np.argsort(np.argsort(-importance[here], kind="stable"), kind="stable")
        assert rank[here].tolist() == expected.tolist()


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_first_features_are_rounded_up(fraction):
    of = points.from_csr(scipy.sparse.csr_matrix(np.ones((1, 30))))
    first = feature_removal.first_features(of, np.arange(30), fraction)
    assert (
        first.sum() == {0.0: 0, 0.01: 1, 0.1: 3, 0.5: 15, 1.0: 30}[fraction] and (np.diff(first.astype(int)) <= 0).all()
    )


def test_curves_of_a_linear_score():
    of = _points()
    weights = np.random.default_rng(2).normal(size=30)

    def score(some):
        return some.features(30) @ weights

    importance = of.feature_values * weights[of.feature_ids]
    fractions = [0, 0.2, 0.5, 1]
    deletion, insertion = feature_removal.curves(of, importance, fractions, score)
    for i in range(len(of)):
        here = np.sort(importance[of.row_splits[i] : of.row_splits[i + 1]])[::-1]
        for j, fraction in enumerate(fractions):
            count = int(np.ceil(fraction * len(here)))
            assert insertion[i, j] == pytest.approx(here[:count].sum(), abs=1e-5)
            assert deletion[i, j] == pytest.approx(here[count:].sum(), abs=1e-5)
    # No other order deletes faster than the true one.
    other = feature_removal.curves(of, np.random.default_rng(3).random(len(importance)), fractions, score)
    best = feature_removal.area(deletion, fractions)
    assert (best <= feature_removal.area(other.deletion, fractions) + 1e-6).all()


def test_area_is_the_trapezoid_rules():
    scores = np.random.default_rng(0).random((3, 4))
    fractions = [0, 0.1, 0.4, 1]
    np.testing.assert_allclose(
        feature_removal.area(scores, fractions), scipy.integrate.trapezoid(scores, fractions, axis=1)
    )


def test_points_without_features():
    of = points.from_csr(scipy.sparse.csr_matrix((2, 30)))
    curves = feature_removal.curves(of, np.zeros(0), [0, 1], lambda some: np.diff(some.row_splits).astype(float))
    assert not curves.deletion.any() and curves.deletion.shape == (2, 2)
