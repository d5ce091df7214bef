"""Attributions of a ranker's part against sums over many points of the path, and their completeness."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.explanations.integrated_gradients import ranker_attribution
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, between, entry_splits, from_zero
from mach_tf.ranker.ranker import Ranker
from tests.helpers.rankers import random_ranker

LABELS, COLUMNS, POINTS = 40, 30, 6


def _points(seed):
    return scipy.sparse.random(POINTS, COLUMNS, 0.4, "csr", np.float32, random_state=seed)


@pytest.mark.parametrize("baseline", ["zero", "points", "still"])
def test_gradients_are_means_over_the_path(baseline):
    ranker, ends = random_ranker(LABELS, COLUMNS), _points(0)
    starts = {"zero": scipy.sparse.csr_matrix(ends.shape), "points": _points(1), "still": ends}[baseline]
    paths = from_zero(ends) if baseline == "zero" else between(starts, ends)
    pairs = Pairs(np.arange(POINTS + 1) * LABELS, np.tile(np.arange(LABELS), POINTS))
    splits = entry_splits(paths, pairs)
    before = PathIntegrals(splits, np.ones(splits[-1]), np.full(len(pairs.labels), 3.0), np.ones(len(pairs.labels)))
    found = ranker_attribution.add(before, ranker, paths, pairs)
    weights, times = ranker.weights.toarray().astype(float), (np.arange(10_000) + 0.5) / 10_000
    first, last = starts.toarray().astype(float), ends.toarray().astype(float)
    crossing = 0
    for pair, (point, label) in enumerate(zip(pairs.points(), pairs.labels)):
        along = (first[point] + times[:, None] * (last[point] - first[point])) @ weights[label]
        crossing += 0 < (along > 0).mean() < 1
        ids = paths.feature_ids[paths.row_splits[point] : paths.row_splits[point + 1]]
        expected = 1 + (along > 0).mean() * weights[label, ids]
        np.testing.assert_allclose(found.gradients[splits[pair] : splits[pair + 1]], expected, atol=1e-3)
        assert found.scores[pair] - 3 == pytest.approx(max(0, last[point] @ weights[label]), abs=1e-6)
        assert found.baseline_scores[pair] - 1 == pytest.approx(max(0, first[point] @ weights[label]), abs=1e-6)
    assert (crossing > 20) == (baseline == "points")
    alone = found._replace(
        gradients=found.gradients - 1, scores=found.scores - 3, baseline_scores=found.baseline_scores - 1
    )
    np.testing.assert_allclose(alone.completeness_gaps(paths, pairs), 0, atol=1e-12)


def test_from_zero_it_is_the_weight_times_the_value():
    ranker = Ranker(scipy.sparse.csr_matrix(np.array([[2, -1, 0], [-2, 1, 0]], np.float32)))
    paths, pairs = from_zero(scipy.sparse.csr_matrix([[3.0, 4.0, 5.0]])), Pairs(np.array([0, 2]), np.array([0, 1]))
    nothing = PathIntegrals(entry_splits(paths, pairs), np.zeros(6), np.zeros(2), np.zeros(2))
    found = ranker_attribution.add(nothing, ranker, paths, pairs)
    assert found.attributions(paths, pairs).tolist() == [6, -4, 0, 0, 0, 0]
    assert found.scores.tolist() == [2, 0]
