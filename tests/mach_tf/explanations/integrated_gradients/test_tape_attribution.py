"""Quadrature against the closed form, analytic integrals and the estimators' NumPy definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import estimators
from mach_tf.choices import QUADRATURE_RULES
from mach_tf.classifier import Weights
from mach_tf.explanations.integrated_gradients import exact_attribution
from mach_tf.explanations.integrated_gradients.paths import Pairs, between, from_zero
from mach_tf.explanations.integrated_gradients.tape_attribution import combine, integrate, of_weights, quadrature


def _random_weights(rng, features=30, hidden=20, buckets=6):
    arrays = [rng.normal(size=size) for size in ((features, hidden), hidden, (hidden, buckets), buckets)]
    return Weights(*(array.astype(np.float32) for array in arrays))


def _setting(seed=0, points=3):
    rng = np.random.default_rng(seed)
    networks = [_random_weights(rng) for _ in range(3)]
    table = rng.integers(0, 6, (3, 8)).astype(np.int32)
    paths = from_zero(scipy.sparse.random(points, 30, 0.3, "csr", random_state=seed))
    pairs = Pairs(np.array([0, 2, 2, 5])[: points + 1], np.array([0, 7, 3, 1, 4]))
    return networks, [of_weights(Weights(*map(tf.constant, n))) for n in networks], table, paths, pairs


@pytest.mark.parametrize("rule", QUADRATURE_RULES)
@pytest.mark.parametrize("steps", [1, 2, 5, 64])
def test_quadrature_is_of_its_order(rule, steps):
    nodes, weights = quadrature(steps, rule)
    assert weights.sum() == pytest.approx(1) and (np.diff(nodes) > 0).all() and 0 < nodes[0] <= nodes[-1] < 1
    degree = 2 * steps - 1 if rule == "gauss_legendre" else 1
    for power in range(min(degree, 20) + 1):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1))


def test_quadrature_refuses():
    with pytest.raises(ValueError, match=r"at least 1 \(got 0"):
        quadrature(0)
    with pytest.raises(ValueError, match="trapezoid"):
        quadrature(4, "trapezoid")


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
@pytest.mark.parametrize("rule", QUADRATURE_RULES)
def test_converges_to_the_closed_form_at_first_order(estimator, rule):
    networks, functions, table, paths, pairs = _setting()
    exact = exact_attribution.integrate(networks, table, paths, pairs, estimator == "mean")
    errors = []
    for steps in (8, 64, 512):
        tape = integrate(functions, table, paths, pairs, estimator, steps, rule)
        np.testing.assert_allclose(tape.scores, exact.scores, atol=1e-5)
        np.testing.assert_allclose(tape.baseline_scores, exact.baseline_scores, atol=1e-5)
        errors.append(np.sqrt(np.mean((tape.gradients - exact.gradients) ** 2)))
    # Jumps of the gradient make the error first order: it decreases about as fast as the number of nodes grows.
    assert errors[0] > 3 * errors[1] > 9 * errors[2] and errors[2] < errors[0] / 20


def test_smooth_paths_converge_at_the_rule_s_own_rate():
    # No unit switches on this path, so only the sigmoid is curved: midpoints have an error of O(1 / steps^2).
    rng = np.random.default_rng(5)
    network = _random_weights(rng)
    network = network._replace(hidden_bias=np.full(20, 50, np.float32), output_kernel=network.output_kernel * 0.3)
    network = network._replace(output_bias=(-50 * network.output_kernel.sum(axis=0)).astype(np.float32))
    x = scipy.sparse.random(1, 30, 0.5, "csr", random_state=1)
    paths, pairs, table = between(-x, x), Pairs(np.array([0, 1]), np.array([0])), np.array([[2]], np.int32)

    def wide(batch):  # in float64, because float32 rounding would hide the rate
        rows = tf.reshape(tf.cast(batch.feature_values, tf.float64), [len(batch.row_splits) - 1, -1])
        w1, b1, w2, b2 = (tf.constant(array, tf.float64) for array in network)
        kernel = tf.gather(w1, batch.feature_ids[: rows.shape[1]])
        return tf.nn.relu(rows @ kernel + b1) @ w2 + b2

    exact = exact_attribution.integrate([network], table, paths, pairs, True)
    errors = [
        abs(integrate([wide], table, paths, pairs, "mean", steps, "midpoint").gradients - exact.gradients).max()
        for steps in (4, 16)
    ]
    assert 10 < errors[0] / errors[1] < 25
    gauss = integrate([wide], table, paths, pairs, "mean", 16)
    assert abs(gauss.gradients - exact.gradients).max() < 1e-5 * abs(exact.gradients).max()


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("repetitions", [1, 2, 3, 4])
def test_combine_agrees_with_the_decoder(estimator, repetitions):
    logits = np.random.default_rng(0).normal(size=(repetitions, 5, 3)).astype(np.float32) * 3
    expected = estimators.combine(np.moveaxis(estimators.bucket_scores(logits, estimator), 0, -1), estimator)
    np.testing.assert_allclose(combine(tf.constant(logits), estimator), expected, rtol=1e-5)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_complete_for_every_estimator(estimator):
    _, functions, table, paths, pairs = _setting(seed=2)
    integrals = integrate(functions, table, paths, pairs, estimator, steps=400)
    change = integrals.scores - integrals.baseline_scores
    assert (abs(integrals.completeness_gaps(paths, pairs)) <= 0.01 * abs(change) + 2e-3).all()


def test_min_follows_the_smallest_repetition():
    # Two repetitions, one feature: logits 2x - 1 and 1 - 2x. min is the first up to x = 1/2 and the second after.
    def line(slope, bias):
        return lambda batch: (slope * batch.feature_values + bias)[:, None]

    paths = from_zero(scipy.sparse.csr_matrix([[1.0]]))
    pairs, table = Pairs(np.array([0, 1]), np.array([0])), np.zeros((2, 1), np.int32)
    integrals = integrate([line(2.0, -1.0), line(-2.0, 1.0)], table, paths, pairs, "min", 2)
    assert integrals.gradients[0] == pytest.approx(0, abs=1e-6)  # it rises as much as it falls
    first_half = integrate([line(1.0, -1.0), line(-1.0, 1.0)], table, paths, pairs, "min", 16)
    assert first_half.gradients[0] == pytest.approx(0.5 - 1 / (1 + np.e), rel=1e-4)


def test_the_rows_of_absent_features_are_not_read():
    networks, _, table, paths, pairs = _setting()
    absent = np.setdiff1d(np.arange(30), paths.feature_ids)
    for network in networks:
        network.hidden_kernel[absent] = np.nan
    functions = [of_weights(Weights(*map(tf.constant, network))) for network in networks]
    assert np.isfinite(integrate(functions, table, paths, pairs, "mean", 4).gradients).all()
    assert np.isfinite(exact_attribution.integrate(networks, table, paths, pairs, True).gradients).all()
