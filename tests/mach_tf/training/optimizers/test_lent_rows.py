"""Rows lent to a fused kernel: only they change, in chunks or at once, and nothing lent is left behind."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.optimizers import lent_rows


@pytest.mark.parametrize("chunk", [None, 1, 2, 100])
@pytest.mark.parametrize("rows", [[], [3], [4, 0, 2]])
def test_only_the_rows_change(chunk, rows):
    generator = np.random.default_rng(0)
    before = generator.normal(size=(5, 2)).astype(np.float32)
    gradient = generator.normal(size=(len(rows), 2)).astype(np.float32)
    variable, slot = tf.Variable(before), tf.Variable(np.ones_like(before))

    def kernel(lent, gradients):
        return tf.raw_ops.ResourceApplyMomentum(**lent, lr=0.5, grad=gradients, momentum=0.25)

    @tf.function
    def step():
        lent_rows.update(
            kernel, {"var": variable, "accum": slot}, tf.constant(rows, tf.int64), tf.constant(gradient), chunk
        )

    step()
    step()
    expected, accumulated = before.copy(), np.ones_like(before)
    for _ in range(2):
        accumulated[rows] = 0.25 * accumulated[rows] + gradient
        expected[rows] -= 0.5 * accumulated[rows]
    np.testing.assert_allclose(variable, expected, rtol=1e-5)
    np.testing.assert_allclose(slot, accumulated, rtol=1e-6)


def test_a_chunk_fits_in_the_cache_of_a_cpu():
    assert lent_rows.chunk_rows(tf.Variable(tf.zeros([3, 2, 64]))) == lent_rows.CACHED_FLOATS // 128
    assert lent_rows.chunk_rows(tf.Variable(tf.zeros([1, lent_rows.CACHED_FLOATS + 1]))) == 1
