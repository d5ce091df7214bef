"""Logits and gradients of the values against a NumPy network, a tape, and finite differences."""

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.attacks import input_gradient
from mach_tf.choices import SUPPORTS
from mach_tf.classifier import SparseBatch, Weights, bucket_logits
from mach_tf.points import from_csr
from mach_tf.saved_repetition import Repetition


def make_repetitions(count, columns, hidden, buckets, seed=0):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return tf.constant(rng.standard_normal(shape), tf.float32)

    weights = [
        Weights(normal(columns, hidden), normal(hidden), normal(hidden, buckets), normal(buckets)) for _ in range(count)
    ]
    return [Repetition(each) for each in weights]


def make_points(points=6, columns=12, seed=1):
    dense = scipy.sparse.random(points, columns, 0.4, random_state=seed).toarray()
    dense[2] = 0
    return from_csr(scipy.sparse.csr_matrix(dense.astype(np.float32)))


def network(weights, dense):
    w1, b1, w2, b2 = (np.asarray(weight, np.float64) for weight in weights)
    return np.maximum(dense @ w1 + b1, 0) @ w2 + b2


def gradient_at_clean(repetitions, inputs, direction):
    found = input_gradient.forward_pass(repetitions, inputs, inputs.clean)
    return input_gradient.value_gradient(repetitions, inputs, found, direction)


@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize(("hidden", "buckets"), [(5, 4), (9, 3)])
def test_logits_are_the_networks(support, hidden, buckets):
    repetitions, points = make_repetitions(3, 12, hidden, buckets), make_points()
    inputs = input_gradient.attack_input(points, 12, support)
    values = inputs.clean + np.float32(0.25)
    logits = input_gradient.bucket_logits(repetitions, inputs, values)
    dense = points.features(12).toarray()
    dense = dense + 0.25 * (np.ones_like(dense) if support == "dense" else dense != 0)
    expected = np.stack([network(repetition.weights, dense) for repetition in repetitions], axis=1)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(inputs.features(values).toarray(), dense, rtol=1e-6)
    np.testing.assert_allclose(inputs.norms(values), np.linalg.norm(dense, axis=1), rtol=1e-6)


@pytest.mark.parametrize("support", SUPPORTS)
def test_gradient_against_finite_differences(support):
    repetitions, points = make_repetitions(3, 12, 7, 4), make_points()
    inputs = input_gradient.attack_input(points, 12, support)
    direction = np.random.default_rng(2).standard_normal((6, 3, 4)).astype(np.float32)
    gradient = gradient_at_clean(repetitions, inputs, direction)
    assert gradient.shape == inputs.clean.shape

    def objective(values):
        dense = inputs.features(values).toarray().astype(np.float64)
        return sum((network(r.weights, dense) * direction[:, i]).sum() for i, r in enumerate(repetitions))

    flat = gradient.ravel()
    for position in range(0, flat.size, 5):
        step = np.zeros(flat.size)
        step[position] = 1e-6
        step = step.reshape(gradient.shape)
        values = inputs.clean.astype(np.float64)
        difference = (objective(values + step) - objective(values - step)) / 2e-6
        assert flat[position] == pytest.approx(difference, rel=1e-3, abs=1e-3)


def test_gradient_is_the_classifiers_own():
    """The tape through classifier.bucket_logits gives the same, so the two networks cannot drift apart."""
    (repetition,), points = make_repetitions(1, 12, 7, 4), make_points()
    direction = np.random.default_rng(3).standard_normal((6, 1, 4)).astype(np.float32)
    values = tf.constant(points.feature_values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        batch = SparseBatch(tf.constant(points.row_splits), tf.constant(points.feature_ids), values)
        logits = bucket_logits(repetition.weights, batch)
    expected = tape.gradient(logits, values, direction[:, 0])
    inputs = input_gradient.NonzeroInput(points, 12)
    ours = gradient_at_clean([repetition], inputs, direction)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    ours = input_gradient.bucket_logits([repetition], inputs, inputs.clean)[:, 0]
    np.testing.assert_allclose(ours, logits, rtol=1e-6, atol=1e-6)


def test_the_dense_gradient_holds_the_nonzero_one():
    repetitions, points = make_repetitions(2, 12, 7, 4), make_points()
    direction = np.random.default_rng(4).standard_normal((6, 2, 4)).astype(np.float32)
    nonzero, dense = (input_gradient.attack_input(points, 12, support) for support in SUPPORTS)
    every = gradient_at_clean(repetitions, dense, direction)
    rows = np.repeat(np.arange(6), np.diff(points.row_splits))
    present = gradient_at_clean(repetitions, nonzero, direction)
    np.testing.assert_allclose(every[rows, points.feature_ids], present, rtol=1e-4, atol=1e-5)


def test_a_gpu_takes_the_products_of_training(monkeypatch):
    repetitions, points = make_repetitions(2, 12, 7, 4), make_points()
    direction = np.random.default_rng(5).standard_normal((6, 2, 4)).astype(np.float32)
    inputs = input_gradient.NonzeroInput(points, 12)
    on_cpu = gradient_at_clean(repetitions, inputs, direction)
    monkeypatch.setattr(input_gradient.devices, "default_is_gpu", lambda: True)
    monkeypatch.setattr(
        input_gradient, "entry_products", lambda *_: pytest.fail("the compiled code of the CPU was used")
    )
    np.testing.assert_allclose(gradient_at_clean(repetitions, inputs, direction), on_cpu, rtol=1e-5, atol=1e-6)


def test_a_gradient_of_few_logits_is_that_of_all(monkeypatch):
    repetitions, points = make_repetitions(2, 12, 7, 14), make_points()
    direction = np.random.default_rng(6).standard_normal((6, 2, 14)).astype(np.float32)
    direction[:, :, 2:] = 0
    inputs = input_gradient.NonzeroInput(points, 12)
    few = gradient_at_clean(repetitions, inputs, direction)
    monkeypatch.setattr(input_gradient, "_FEW_LOGITS", 0)
    np.testing.assert_allclose(gradient_at_clean(repetitions, inputs, direction), few, rtol=1e-4, atol=1e-5)


def test_another_support_is_refused():
    with pytest.raises(ValueError, match="support must be one of"):
        input_gradient.attack_input(make_points(), 12, "all")


@pytest.mark.parametrize("support", SUPPORTS)
def test_of_a_softmax_logits_and_gradient_are_those_of_its_log_odds(support):
    repetitions = [each._replace(multiclass=True) for each in make_repetitions(2, 12, 7, 4)]
    inputs = input_gradient.attack_input(make_points(), 12, support)
    direction = np.random.default_rng(2).standard_normal((6, 2, 4)).astype(np.float32)
    found = input_gradient.forward_pass(repetitions, inputs, inputs.clean)
    gradient = input_gradient.value_gradient(repetitions, inputs, found, direction).ravel()

    def odds(values):
        dense = inputs.features(values).toarray().astype(np.float64)
        shares = [tf.nn.softmax(network(each.weights, dense)).numpy() for each in repetitions]
        return np.stack([np.log(share / (1 - share)) for share in shares], axis=1)

    np.testing.assert_allclose(
        input_gradient.bucket_logits(repetitions, inputs, inputs.clean), odds(inputs.clean), rtol=1e-4, atol=1e-4
    )
    for position in range(0, gradient.size, 5):
        step = np.zeros(gradient.size)
        step[position] = 1e-6
        step, values = step.reshape(inputs.clean.shape), inputs.clean.astype(np.float64)
        difference = ((odds(values + step) - odds(values - step)) * direction).sum() / 2e-6
        assert gradient[position] == pytest.approx(difference, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("support", SUPPORTS)
def test_the_first_value_is_the_number_of_values_before(support):
    points = make_points()
    for row in range(len(points)):
        before = input_gradient.attack_input(points[range(row)], 12, support).clean.size
        assert input_gradient.first_value(points, 12, support, row) == before
