"""The line of calibration: against logistic regression, and where outcomes tell little."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from sklearn.linear_model import LogisticRegression

from mach_tf.logit_scale import AS_THEY_ARE, LogitScale
from mach_tf.metrics import score_calibration
from mach_tf.metrics.calibration import reliability


def fit(*given):
    return LogitScale(*score_calibration.fit(*given))


def drawn(points, shift, scale, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(3, 4, (points, 5)).astype(np.float32)
    return scores, rng.random(scores.shape) < scipy.special.expit((scores - shift) / scale)


@pytest.mark.parametrize("start", [AS_THEY_ARE, LogitScale(33.0, 17.5)])
def test_it_is_logistic_regression_where_there_are_many_outcomes(start):
    scores, outcomes = drawn(20_000, 2.0, 3.0)
    found = fit(scores, outcomes, start)
    other = LogisticRegression(C=1e9, tol=1e-10).fit(scores.reshape(-1, 1), outcomes.ravel())
    slope, offset = other.coef_[0, 0], other.intercept_[0]
    np.testing.assert_allclose(found, [-offset / slope, 1 / slope], rtol=5e-3)
    np.testing.assert_allclose(found, [2.0, 3.0], rtol=0.05)


def test_the_power_of_frequencies_is_that_of_logistic_regression():
    rng = np.random.default_rng(3)
    scores, counts = rng.normal(-1, 3, 40_000), rng.integers(0, 500, 40_000)
    frequencies = np.log(np.maximum(counts, 1))
    frequencies -= frequencies.mean()
    outcomes = rng.random(40_000) < scipy.special.expit((scores - 2) / 3 + 0.3 * frequencies)
    shift, scale, power = score_calibration.fit_by_frequency(scores, outcomes, counts, (1.0, 1.0))
    other = LogisticRegression(C=1e9, tol=1e-10).fit(np.stack([scores, frequencies], 1), outcomes)
    (slope, expected), offset = other.coef_[0], other.intercept_[0]
    np.testing.assert_allclose([shift, scale, power], [-offset / slope, 1 / slope, expected], rtol=2e-2)
    # Rare labels that seem underrated are left as they are.
    falling = rng.random(40_000) < scipy.special.expit((scores - 2) / 3 - 0.3 * frequencies)
    assert score_calibration.fit_by_frequency(scores, falling, counts, (1.0, 1.0))[2] == 0
    assert score_calibration.fit_by_frequency(scores[:0], outcomes[:0], counts[:0], (1.0, 2.0)) == (1.0, 2.0, 0.0)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (5.0, 5.0), (-3.0, 2.5)])
def test_it_calibrates_other_points(shift, scale):
    line = fit(*drawn(600, shift, scale), AS_THEY_ARE)
    scores, outcomes = drawn(6000, shift, scale, seed=1)
    after = scipy.special.expit((scores - line.shift) / line.scale)
    assert reliability(after, outcomes).expected_error < 0.02


def test_few_outcomes_change_little_and_none_nothing():
    start = LogitScale(2.0, 3.0)
    assert fit(np.empty((0, 5)), np.empty((0, 5), bool), start) == start
    few = fit(np.array([2.0, 2.5]), np.array([True, False]), start)
    np.testing.assert_allclose(few, start, atol=1)


@pytest.mark.parametrize("truth", [True, False])
def test_outcomes_that_are_all_alike_give_a_finite_rising_line(truth):
    line = fit(np.linspace(-5, 5, 500), np.full(500, truth), AS_THEY_ARE)
    assert np.isfinite(line).all() and line.scale > 0
    probability = scipy.special.expit((0 - line.shift) / line.scale)
    assert probability > 0.9 if truth else probability < 0.1


def test_scores_that_rank_the_wrong_way_round_still_rise():
    scores, outcomes = drawn(2000, 3.0, 1.0)
    line = fit(scores, ~outcomes, AS_THEY_ARE)
    assert line.scale > 1 and np.isfinite(line).all()
