from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.laprop import LazyLaProp

SHAPE = (20, 3)


def train(optimizer, gradients, update=None):
    variable = tf.Variable(tf.random.stateless_normal(SHAPE, [1, 2]))

    @tf.function(reduce_retracing=True)
    def apply(gradient):
        if update:
            update(gradient.values, variable, gradient.indices, None)
            optimizer.iterations.assign_add(1)
        else:
            optimizer.apply_gradients([(gradient, variable)])

    optimizer._create_all_weights([variable])
    for gradient in gradients:
        apply(gradient)
    return [variable.numpy(), *(optimizer.get_slot(variable, name).numpy() for name in ("rms", "momentum"))]


def by_hand(gradients, rates, beta_1=0.9, beta_2=0.99, epsilon=1e-7):
    """The paper's update, on the rows of each gradient: weights, mean squares and momentum."""
    weights = tf.random.stateless_normal(SHAPE, [1, 2]).numpy().astype(np.float64)
    squares, momentum = np.zeros(SHAPE), np.zeros(SHAPE)
    for step, (gradient, rate) in enumerate(zip(gradients, rates), start=1):
        summed = np.zeros(SHAPE)
        np.add.at(summed, gradient.indices.numpy(), gradient.values.numpy())
        rows = np.unique(gradient.indices)
        squares[rows] = beta_2 * squares[rows] + (1 - beta_2) * summed[rows] ** 2
        normalised = summed[rows] * np.sqrt(1 - beta_2**step) / np.sqrt(squares[rows] + epsilon**2)
        momentum[rows] = beta_1 * momentum[rows] + rate * (1 - beta_1) * normalised
        weights[rows] -= momentum[rows]
    return [weights, squares, momentum]


def slices(count, seed, unique=True, size=1.0):
    rng = np.random.default_rng(seed)
    indices = rng.permutation(SHAPE[0])[:count] if unique else rng.integers(0, SHAPE[0], count)
    values = size * rng.normal(size=(count, *SHAPE[1:]))
    return tf.IndexedSlices(
        tf.constant(values, tf.float32), tf.constant(indices, tf.int64), tf.constant(SHAPE, tf.int64)
    )


@pytest.mark.parametrize("count", [0, 1, 7, 20])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_rows_are_updated_as_the_paper_says(count, size):
    gradients = [slices(count, seed, size=size) for seed in range(5)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 5, 0.0)
    found = train(LazyLaProp(rate, epsilon=1e-12), gradients)
    for ours, theirs in zip(found, by_hand(gradients, [0.1, 0.08, 0.06, 0.04, 0.02], epsilon=1e-12)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-24)


def test_other_constants():
    gradients = [slices(7, seed) for seed in range(5)]
    found = train(LazyLaProp(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.1), gradients)
    for ours, theirs in zip(found, by_hand(gradients, [0.1] * 5, 0.5, 0.9, 0.1)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_a_dense_gradient_is_one_of_all_rows():
    whole = [slices(SHAPE[0], seed) for seed in range(4)]
    dense = [tf.convert_to_tensor(gradient) for gradient in whole]
    for ours, theirs in zip(train(LazyLaProp(0.1), dense), train(LazyLaProp(0.1), whole)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_without_the_kernel_it_is_the_same(count):
    gradients = [slices(count, seed) for seed in range(5)]
    optimizer = LazyLaProp(0.1)
    found = train(optimizer, gradients, optimizer._apply_without_kernel)
    for ours, theirs in zip(found, train(LazyLaProp(0.1), gradients)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_rows_without_a_gradient_stay_as_they_are():
    before = tf.random.stateless_normal(SHAPE, [1, 2]).numpy()
    gradient = slices(5, 0)
    after, squares, momentum = train(LazyLaProp(0.1), [gradient])
    untouched = np.setdiff1d(np.arange(SHAPE[0]), gradient.indices)
    np.testing.assert_array_equal(after[untouched], before[untouched])
    assert (after[gradient.indices.numpy()] != before[gradient.indices.numpy()]).all()
    assert not squares[untouched].any() and not momentum[untouched].any()


def test_duplicate_rows_are_summed_when_said_so():
    gradients = [slices(30, seed, unique=False) for seed in range(3)]
    found = train(LazyLaProp(0.1, unique_rows=False), gradients)
    for ours, theirs in zip(found, by_hand(gradients, [0.1] * 3)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
