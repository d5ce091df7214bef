from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.classifier import (
    SparseBatch,
    Weights,
    bucket_logits,
    log_odds,
    log_odds_gradient,
    point_of_entry,
    sparse_product,
)


def random_weights(features, hidden, buckets, seed=0):
    rng = np.random.default_rng(seed)
    shapes = ((features, hidden), (hidden,), (hidden, buckets), (buckets,))
    return Weights(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def random_points(points, features, density, seed=0):
    return scipy.sparse.random(points, features, density, "csr", np.float32, np.random.default_rng(seed))


def as_batch(csr):
    return SparseBatch(
        tf.constant(csr.indptr, tf.int64), tf.constant(csr.indices, tf.int64), tf.constant(csr.data, tf.float32)
    )


def dense_logits(weights, dense):
    """The definition, in NumPy and float64."""
    hidden = np.maximum(dense.astype(np.float64) @ weights.hidden_kernel + weights.hidden_bias, 0)
    return hidden @ weights.output_kernel + weights.output_bias


@pytest.mark.parametrize("points", [0, 1, 7])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("hidden", [1, 40])
def test_logits_are_those_of_the_dense_definition(points, density, hidden):
    weights = random_weights(30, hidden, 5)
    csr = random_points(points, 30, density)
    np.testing.assert_allclose(
        bucket_logits(weights, as_batch(csr)), dense_logits(weights, csr.toarray()), rtol=1e-4, atol=1e-4
    )


def test_gradient_with_respect_to_the_values_is_that_of_the_dense_input():
    weights, csr = random_weights(30, 8, 5), random_points(6, 30, 0.3)
    batch, dense = as_batch(csr), tf.constant(csr.toarray())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([batch.feature_values, dense])
        sparse_sum = tf.reduce_sum(bucket_logits(weights, batch) ** 2)
        hidden = tf.nn.relu(dense @ weights.hidden_kernel + weights.hidden_bias)
        dense_sum = tf.reduce_sum((hidden @ weights.output_kernel + weights.output_bias) ** 2)
    ours = tape.gradient(sparse_sum, batch.feature_values).numpy()
    theirs = tape.gradient(dense_sum, dense).numpy()[csr.nonzero()]
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_sparse_product_refuses_an_id_outside_the_kernel():
    batch = SparseBatch(tf.constant([0, 1], tf.int64), tf.constant([3], tf.int64), tf.constant([1.0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        sparse_product(batch, tf.ones([3, 40]))


@pytest.mark.parametrize("splits", [[0], [0, 0], [0, 2, 2, 5], [0, 0, 0, 1]])
def test_point_of_entry(splits):
    expected = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
    np.testing.assert_array_equal(point_of_entry(tf.constant(splits, tf.int64)), expected)


@pytest.mark.parametrize("shape", [(4, 2), (3, 2, 7), (0, 5)])
@pytest.mark.parametrize("scale", [1, 10])
def test_the_sigmoid_of_log_odds_is_the_softmax(shape, scale):
    logits = np.random.default_rng(0).normal(scale=scale, size=shape).astype(np.float32)
    exact = logits.astype(np.float64)
    others = np.log([np.exp(np.delete(exact, bucket, -1)).sum(-1) for bucket in range(shape[-1])])
    odds = log_odds(logits).numpy()
    np.testing.assert_allclose(odds, exact - np.moveaxis(others, 0, -1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tf.sigmoid(odds), tf.nn.softmax(logits), rtol=1e-4, atol=1e-7)


def test_log_odds_keep_apart_what_a_softmax_rounds_to_0_and_1():
    np.testing.assert_allclose(log_odds(np.float32([[80, 0, -80]])), [[80, -80, -160]])
    assert np.isfinite(log_odds(np.float32([[1e4, 0, -1e4], [0, 0, 0]]))).all()


def test_the_gradient_of_log_odds_against_finite_differences():
    generator = np.random.default_rng(1)
    logits, gradient = (generator.normal(size=(3, 2, 5)).astype(np.float32) for _ in range(2))

    def objective(some):
        shares = np.exp(some) / np.exp(some).sum(-1, keepdims=True)
        return (np.log(shares / (1 - shares)) * gradient).sum()

    found, exact = log_odds_gradient(logits, gradient).numpy(), logits.astype(np.float64)
    for place in np.ndindex(*logits.shape):
        step = np.zeros_like(exact)
        step[place] = 1e-6
        expected = (objective(exact + step) - objective(exact - step)) / 2e-6
        np.testing.assert_allclose(found[place], expected, rtol=1e-4, atol=1e-5)
