"""Each measure against its definition, one point at a time, and at its extremes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

from mach_tf import points
from mach_tf.explanations.trials import attribution_measures
from mach_tf.explanations.trials.feature_removal import keep_features


def _points(n=7):
    return points.from_csr(scipy.sparse.random(n, 60, 0.4, "csr", np.float32, random_state=1))


def _of(some, values, point):
    return values[some.row_splits[point] : some.row_splits[point + 1]]


def _linear(weights):
    """Returns a linear score and its attributions."""

    def score(some):
        return np.bincount(some.rows(), weights[some.feature_ids] * some.feature_values, len(some))

    return score, lambda some: weights[some.feature_ids] * some.feature_values.astype(np.float64)


def test_gini_against_the_mean_difference_of_pairs():
    some = _points()
    values = np.random.default_rng(0).normal(size=len(some.feature_ids))
    found = attribution_measures.gini(some, values)
    for point in range(len(some)):
        sizes = np.abs(_of(some, values, point))
        differences = np.abs(sizes[:, None] - sizes[None]).mean()
        assert found[point] == pytest.approx(differences / (2 * sizes.mean()))


def test_gini_of_all_inputs_follows_from_that_of_the_features():
    some = _points()
    values = np.random.default_rng(0).normal(size=len(some.feature_ids))
    n, width = np.diff(some.row_splits), 60
    everything = points.from_csr(scipy.sparse.csr_matrix(np.ones((len(some), width), np.float32)))
    dense = scipy.sparse.csr_matrix((values, some.feature_ids, some.row_splits), (len(some), width)).toarray()
    found = attribution_measures.gini(everything, dense.reshape(-1))
    np.testing.assert_allclose(found, 1 - (1 - attribution_measures.gini(some, values)) * n / width)


def test_gini_at_its_extremes():
    some = points.from_csr(scipy.sparse.csr_matrix(np.array([[1, 1, 1, 1.0], [1, 1, 1, 1], [1, 1, 0, 0], [0] * 4])))
    values = np.array([2.0, -2, 2, 2, 0, 0, -3, 0, 0, 0])
    np.testing.assert_allclose(attribution_measures.gini(some, values), [0, 0.75, np.nan, np.nan])


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_removals_have_their_share_of_each_point(share):
    some = _points()
    removals = attribution_measures.random_removals(some, share, 5, np.random.default_rng(0))
    for removed in removals:
        for point in range(len(some)):
            own = _of(some, removed, point)
            assert own.sum() == np.ceil(len(own) * share - 1e-9)
    assert share == 1 or any((removals[0] != other).any() for other in removals)


def test_attributions_of_a_linear_score_are_perfect():
    some, weights = _points(), np.random.default_rng(0).normal(size=60)
    score, attribute = _linear(weights)
    removals = attribution_measures.random_removals(some, 0.2, 9, np.random.default_rng(0))
    changes = attribution_measures.score_changes(some, removals, score)
    sums = attribution_measures.removed_sums(some, attribute(some), removals)
    np.testing.assert_allclose(attribution_measures.infidelity(sums, changes), 0, atol=1e-12)
    np.testing.assert_allclose(attribution_measures.faithfulness_correlation(sums, changes), 1)


def test_infidelity_and_correlation_against_definitions():
    some, generator = _points(), np.random.default_rng(0)
    score, _ = _linear(generator.normal(size=60))
    values = generator.normal(size=len(some.feature_ids))
    removals = attribution_measures.random_removals(some, 0.3, 8, generator)
    changes = attribution_measures.score_changes(some, removals, score)
    sums = attribution_measures.removed_sums(some, values, removals)
    infidelity = attribution_measures.infidelity(sums, changes)
    correlation = attribution_measures.faithfulness_correlation(sums, changes)
    for point in range(len(some)):
        said = [_of(some, values, point)[_of(some, removed, point)].sum() for removed in removals]
        lost = [score(some)[point] - score(keep_features(some, ~removed))[point] for removed in removals]
        assert infidelity[point] == pytest.approx(np.mean(np.subtract(said, lost) ** 2))
        assert correlation[point] == pytest.approx(scipy.stats.pearsonr(said, lost)[0])


def test_no_correlation_with_a_constant():
    sums, changes = np.array([[1.0, 1], [1, 2], [1, 2]]), np.array([[1.0, 2], [3, 3], [2, 4]])
    np.testing.assert_allclose(attribution_measures.faithfulness_correlation(sums, changes), [np.nan, np.nan, 1])


def test_max_sensitivity_against_its_definition():
    some, weights = _points(), np.random.default_rng(0).normal(size=60)
    _, attribute = _linear(weights)
    before = attribute(some)
    found = attribution_measures.max_sensitivity(some, before, attribute, 0.1, 4, np.random.default_rng(5))
    generator, changes = np.random.default_rng(5), []
    for _ in range(4):
        noise = generator.uniform(-0.1, 0.1, len(before)).astype(np.float32)
        assert np.abs(noise).max() <= 0.1
        moved = attribute(dataclasses.replace(some, feature_values=some.feature_values + noise))
        changes.append([np.linalg.norm(_of(some, moved - before, point)) for point in range(len(some))])
    sizes = [np.linalg.norm(_of(some, before, point)) for point in range(len(some))]
    np.testing.assert_allclose(found, np.max(changes, axis=0) / sizes)
    still = attribution_measures.max_sensitivity(some, before, lambda _: before, 0.1, 4, generator)
    np.testing.assert_array_equal(still, 0)
    assert np.isnan(attribution_measures.max_sensitivity(some, 0 * before, attribute, 0.1, 2, generator)).all()
