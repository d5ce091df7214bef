"""Products of entries against NumPy, and against what training computes."""

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.attacks.entry_products import entry_products, few_logits_hidden_gradient, has_at_most, sparse_product
from mach_tf.classifier import SparseBatch, Weights, output_logits
from mach_tf.fgsm import value_gradients


@pytest.mark.parametrize("hidden", [1, 7, 64, 130])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_equals_numpy_and_training(hidden, density):
    rng = np.random.default_rng(hidden)
    points = scipy.sparse.random(30, 50, density, "csr", random_state=rng)
    gradient, kernel = (rng.standard_normal((rows, hidden)).astype(np.float32) for rows in (30, 50))
    found = entry_products(gradient, kernel, points.indptr, points.indices)
    rows = np.repeat(np.arange(30), np.diff(points.indptr))
    np.testing.assert_allclose(found, (gradient[rows] * kernel[points.indices]).sum(axis=1), rtol=1e-4, atol=1e-5)
    batch = SparseBatch(
        *(tf.constant(array, tf.int64) for array in (points.indptr, points.indices)), tf.zeros(points.nnz)
    )
    theirs = value_gradients(tf.constant(gradient)[:, None], tf.constant(kernel)[:, None], batch)[:, 0]
    np.testing.assert_allclose(found, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden", [1, 7, 64, 130])
@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_the_product_equals_scipys(hidden, density):
    rng = np.random.default_rng(hidden)
    points = scipy.sparse.random(30, 50, density, "csr", random_state=rng)
    kernel = rng.standard_normal((50, hidden)).astype(np.float32)
    found = sparse_product(points.data, kernel, points.indptr, points.indices)
    np.testing.assert_allclose(found, points @ kernel.astype(np.float64), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("logits", [0, 2, 9])
def test_few_logits_give_what_a_tape_gives(logits):
    rng = np.random.default_rng(logits)
    weights = Weights(
        *(tf.constant(rng.standard_normal(shape), tf.float32) for shape in ((3, 37), (37,), (37, 9), (9,)))
    )
    hidden_input = rng.standard_normal((20, 37)).astype(np.float32)
    gradient = rng.standard_normal((20, 9)).astype(np.float32) * (np.arange(9) < logits)
    with tf.GradientTape() as tape:
        variable = tf.constant(hidden_input)
        tape.watch(variable)
        found = output_logits(weights, variable)
    expected = tape.gradient(found, variable, tf.constant(gradient, tf.float32))
    ours = few_logits_hidden_gradient(
        gradient.astype(np.float32), weights.output_kernel.numpy(), hidden_input, weights.hidden_bias.numpy()
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_what_is_not_finite_stays_so():
    gradient, kernel = np.array([[1.0, np.nan], [np.inf, 1.0]], np.float32), np.ones((1, 2), np.float32)
    found = entry_products(gradient, kernel, np.array([0, 1, 2]), np.array([0, 0]))
    assert np.isnan(found[0]) and np.isposinf(found[1])
    product = sparse_product(np.array([np.nan, np.inf]), kernel, np.array([0, 1, 2]), np.array([0, 0]))
    assert np.isnan(product[0]).all() and np.isposinf(product[1]).all()


@pytest.mark.parametrize("feature", [-1, 3])
def test_ids_outside_the_kernel_are_refused(feature):
    with pytest.raises(ValueError, match=r"feature ids must be in \[0, 3\)"):
        entry_products(np.ones((1, 2)), np.ones((3, 2)), np.array([0, 1]), np.array([feature]))
    with pytest.raises(ValueError, match=r"feature ids must be in \[0, 3\)"):
        sparse_product(np.ones(1), np.ones((3, 2)), np.array([0, 1]), np.array([feature]))


@pytest.mark.parametrize("rows", [1, 40])
def test_counting_stops_at_the_right_number(rows):
    matrix = np.where(np.random.default_rng(rows).random((rows, 30)) < 0.3, np.float32(np.nan), np.float32(0))
    count = np.count_nonzero(matrix)
    assert [has_at_most(matrix, count + more) for more in (-1, 0, 1)] == [False, True, True]
