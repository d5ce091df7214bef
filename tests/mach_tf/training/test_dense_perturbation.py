from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training import dense_perturbation
from mach_tf.training.dense_perturbation import dense_shift, whole_kernel_gradient


@pytest.mark.parametrize("block_floats", [1, 50, 1 << 20])
@pytest.mark.parametrize("points", [0, 4])
@pytest.mark.parametrize("groups", [1, 3])
def test_shift_and_gradient_are_those_of_the_dense_perturbation(block_floats, points, groups, monkeypatch):
    monkeypatch.setattr(dense_perturbation, "_BLOCK_FLOATS", block_floats)
    rng = np.random.default_rng(0)
    gradient, onward = (rng.normal(size=(points, groups, 5)).astype(np.float32) for _ in range(2))
    kernel = rng.normal(size=(11, groups, 5)).astype(np.float32)
    variable = tf.Variable(kernel)
    sparse = tf.IndexedSlices(
        tf.ones([2, groups, 5]), tf.constant([3, 7], tf.int64), tf.constant(kernel.shape, tf.int64)
    )

    dense = dense_shift(tf.constant(gradient), variable, 0.1)
    perturbation = 0.1 * np.sign(np.einsum("ngh,kgh->ngk", gradient, kernel))
    np.testing.assert_allclose(dense.shift, np.einsum("ngk,kgh->ngh", perturbation, kernel), rtol=1e-4, atol=1e-5)

    expected = np.einsum("ngk,ngh->kgh", perturbation, onward)
    expected[[3, 7]] += 1
    found = whole_kernel_gradient(dense, tf.constant(onward), sparse, variable, 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
