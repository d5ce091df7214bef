from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import fgsm as fgsm_module
from mach_tf.fgsm import fgsm, value_gradients
from tests.mach_tf.test_classifier import as_batch, random_points


def test_fgsm_is_epsilon_times_the_sign_and_zero_where_not_finite():
    gradient = tf.constant([2.0, -1e-30, 0.0, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(fgsm(gradient, 0.25), np.float32([0.25, -0.25, 0, 0, 0, 0]))


def test_no_gradient_flows_through_the_perturbation():
    x = tf.Variable([1.0, -2.0])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(fgsm(x * x, 0.1) * x)
    np.testing.assert_allclose(tape.gradient(y, x), [0.1, 0.1])


@pytest.mark.parametrize("points", [0, 1, 9])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("chunk_floats", [1, 240, 1 << 20])
def test_value_gradients_are_inner_products(points, groups, density, chunk_floats, monkeypatch):
    """By blocks one by one, by several, the last chunk short, and all at once; points of none, one and several blocks."""
    monkeypatch.setattr(fgsm_module, "_CHUNK_FLOATS", chunk_floats)
    rng = np.random.default_rng(0)
    hidden_gradient = rng.normal(size=(points, groups, 5)).astype(np.float32)
    kernel = rng.normal(size=(20, groups, 5)).astype(np.float32)
    csr = random_points(points, 20, density)
    ours = value_gradients(tf.constant(hidden_gradient), tf.constant(kernel), as_batch(csr))
    rows, columns = csr.nonzero()
    expected = np.einsum("egh,egh->eg", hidden_gradient[rows], kernel[columns])
    assert ours.shape == (len(rows), groups)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
