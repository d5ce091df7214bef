"""Shapley values against their definition, a sum over all coalitions; linear units are exact, and chunks change nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.sparse

from mach_tf.classifier import Weights
from mach_tf.explanations.integrated_gradients import shapley_values
from mach_tf.explanations.integrated_gradients.paths import Pairs, between, from_zero
from mach_tf.ranker.ranker import Ranker
from tests.helpers.rankers import random_ranker

COLUMNS, HIDDEN, BUCKETS, LABELS = 7, 9, 4, 6


def _setting(seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    shapes = ((COLUMNS, HIDDEN), (HIDDEN,), (HIDDEN, BUCKETS), (BUCKETS,))
    networks = [Weights(*(rng.normal(size=shape).astype(np.float32) for shape in shapes)) for _ in range(3)]
    networks = [each._replace(hidden_bias=each.hidden_bias + np.float32(shift)) for each in networks]
    table = rng.integers(0, BUCKETS, (3, LABELS)).astype(np.int32)
    ends, starts = (scipy.sparse.random(3, COLUMNS, 0.6, "csr", random_state=seed + i) for i in (0, 1))
    return networks, table, starts, ends, Pairs(np.array([0, 2, 2, 4]), np.array([0, 5, 3, 1]))


def _score(networks, table, ranker, x, label, sigmoid):
    logits = [
        np.maximum(x @ w1 + b1, 0) @ w2[:, row[label]] + b2[row[label]]
        for (w1, b1, w2, b2), row in zip(networks, table)
    ]
    values = 1 / (1 + np.exp(-np.array(logits))) if sigmoid else np.array(logits)
    return values.mean() + (0 if ranker is None else max(0, ranker.weights[label].toarray()[0].astype(float) @ x))


def _by_definition(networks, table, ranker, start, end, ids, label, sigmoid):
    """Returns the Shapley value of each of the features `ids`."""
    n = len(ids)

    def value(coalition):
        x = start.copy()
        x[list(coalition)] = end[list(coalition)]
        return _score(networks, table, ranker, x, label, sigmoid)

    found = []
    for feature in ids:
        others = [i for i in ids if i != feature]
        found.append(
            sum(
                (value((*some, feature)) - value(some)) / (n * math.comb(n - 1, size))
                for size in range(n)
                for some in itertools.combinations(others, size)
            )
        )
    return np.array(found)


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("baseline", [False, True])
@pytest.mark.parametrize("sigmoid", [False, True])
def test_values_are_those_of_the_definition(sigmoid, baseline, ranked):
    networks, table, starts, ends, pairs = _setting()
    ranker = random_ranker(LABELS, COLUMNS, scale=1.0) if ranked else None
    paths = between(starts, ends) if baseline else from_zero(ends)
    first = starts.toarray() if baseline else np.zeros(ends.shape)
    found = shapley_values.integrate(networks, table, paths, pairs, sigmoid, 4000, ranker)
    values = found.attributions(paths, pairs)
    for pair, (point, label) in enumerate(zip(pairs.points(), pairs.labels)):
        ids = paths.feature_ids[paths.row_splits[point] : paths.row_splits[point + 1]]
        x, start = ends.toarray()[point], first[point]
        expected = _by_definition(networks, table, ranker, start, x, ids, label, sigmoid)
        np.testing.assert_allclose(values[found.splits[pair] : found.splits[pair + 1]], expected, atol=0.02)
        assert found.scores[pair] == pytest.approx(_score(networks, table, ranker, x, label, sigmoid))
        assert found.baseline_scores[pair] == pytest.approx(_score(networks, table, ranker, start, label, sigmoid))
    np.testing.assert_allclose(found.completeness_gaps(paths, pairs), 0, atol=1e-12)


@pytest.mark.parametrize("shift", [50.0, -50.0])
def test_units_that_never_switch_need_no_samples(shift):
    networks, table, _, ends, pairs = _setting(shift=shift)
    ranker = Ranker(scipy.sparse.csr_matrix(np.abs(random_ranker(LABELS, COLUMNS).weights.toarray())))
    paths = from_zero(ends)
    found = shapley_values.integrate(networks, table, paths, pairs, False, 1, ranker)
    for pair, (point, label) in enumerate(zip(pairs.points(), pairs.labels)):
        ids = paths.feature_ids[paths.row_splits[point] : paths.row_splits[point + 1]]
        active = shift > 0
        gradient = (
            np.mean([(w1 @ w2[:, row[label]])[ids] for (w1, _, w2, _), row in zip(networks, table)], axis=0) * active
        )
        expected = (gradient + ranker.weights[label].toarray()[0][ids]) * ends.toarray()[point, ids]
        np.testing.assert_allclose(
            found.attributions(paths, pairs)[found.splits[pair] : found.splits[pair + 1]], expected, rtol=1e-5
        )


def test_other_points_and_labels_change_nothing():
    networks, table, _, ends, pairs = _setting()
    paths = from_zero(ends)
    whole = shapley_values.integrate(networks, table, paths, pairs, False, 6)
    last = shapley_values.integrate(networks, table, paths.slice(2, 3), pairs.slice(2, 3), False, 6)
    np.testing.assert_allclose(whole.gradients[whole.splits[2] :], last.gradients, rtol=1e-12)


def test_a_point_without_features_has_no_values():
    networks, table, _, _, _ = _setting()
    found = shapley_values.integrate(
        networks,
        table,
        from_zero(scipy.sparse.csr_matrix((1, COLUMNS))),
        Pairs(np.array([0, 1]), np.array([2])),
        False,
        4,
    )
    assert not len(found.gradients) and found.scores == found.baseline_scores
