"""Reliability curves against scikit-learn's, and the expected calibration error by hand."""

import json

import numpy as np
import pytest

from mach_tf.metrics import calibration


@pytest.mark.parametrize("bins", [1, 5, 15])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(bins, seed):
    sklearn_calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.5, 3, (40, 5))
    outcomes = rng.random((40, 5)) < scores**2
    curve = calibration.reliability(scores, outcomes, bins)
    accuracy, confidence = sklearn_calibration.calibration_curve(outcomes.ravel(), scores.ravel(), n_bins=bins)
    filled = curve.counts > 0
    np.testing.assert_allclose(curve.accuracy[filled], accuracy, rtol=1e-12)
    np.testing.assert_allclose(curve.confidence[filled], confidence, rtol=1e-12)
    assert curve.counts.sum() == scores.size


def test_expected_error_by_hand():
    # bin [0, 0.5): 0.1 and 0.3, one true: |0.2 - 0.5|; bin [0.5, 1]: 0.5 and 1.0, both true: |0.75 - 1|; two each.
    curve = calibration.reliability(np.array([0.1, 0.3, 0.5, 1.0]), np.array([True, False, True, True]), bins=2)
    assert curve.counts.tolist() == [2, 2]
    assert curve.expected_error == pytest.approx((0.3 + 0.25) / 2)


def test_calibrated_scores_have_a_small_error():
    rng = np.random.default_rng(0)
    scores = rng.random(100_000)
    assert calibration.reliability(scores, rng.random(100_000) < scores).expected_error < 0.01
    assert calibration.reliability(scores, rng.random(100_000) < scores**3).expected_error > 0.2


@pytest.mark.parametrize("points", [300, 2500])
@pytest.mark.parametrize("shape", [(0.5, 3), (2, 2), (0.1, 0.1)])
def test_the_floor_is_the_error_of_true_probabilities(points, shape):
    """Against drawing the outcome of every prediction from its own probability."""
    rng = np.random.default_rng(points)
    scores = rng.beta(*shape, (points, 5))
    errors = [calibration.reliability(scores, rng.random(scores.shape) < scores).expected_error for _ in range(400)]
    found = calibration.reliability(scores, rng.random(scores.shape) < scores**2).floor()
    assert found.mean == pytest.approx(np.mean(errors), rel=0.04)
    np.testing.assert_allclose([found.low, found.high], np.percentile(errors, [2.5, 97.5]), rtol=0.12)


def test_the_floor_falls_with_the_root_of_the_predictions_and_is_zero_for_certain_ones():
    scores = np.full(1000, 0.3)
    few, many = (calibration.reliability(np.repeat(scores, n), np.zeros(1000 * n, bool)).floor() for n in (1, 16))
    assert few.mean == pytest.approx(np.sqrt(0.3 * 0.7 / 1000) * np.sqrt(2 / np.pi), rel=0.05)
    assert many.mean == pytest.approx(few.mean / 4, rel=0.05)
    assert calibration.reliability(np.array([0.0, 1.0]), np.array([True, True])).floor() == (0, 0, 0)


def test_json_is_plain():
    value = json.loads(json.dumps(calibration.reliability(np.array([0.2]), np.array([True]), 2).to_json()))
    assert value == {
        "expected_calibration_error": pytest.approx(0.8),
        "expected_calibration_error_floor": {"mean": pytest.approx(0.32, rel=0.05), "low": 0.2, "high": 0.8},
        "edges": [0, 0.5, 1],
        "counts": [1, 0],
        "confidence": [0.2, 0],
        "accuracy": [1, 0],
    }


@pytest.mark.parametrize(
    ("scores", "outcomes", "rule"),
    [
        ([], [], "empty"),
        ([0.5], [True, False], "shapes"),
        ([1.5], [True], "probabilities"),
        ([-0.1], [True], "prob"),
        ([float("nan")], [True], "prob"),
    ],
)
def test_refusals(scores, outcomes, rule):
    with pytest.raises(ValueError, match=rule):
        calibration.reliability(np.array(scores), np.array(outcomes))
