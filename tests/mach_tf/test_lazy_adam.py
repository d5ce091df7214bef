from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_addons as tfa

from mach_tf import lazy_adam
from mach_tf.lazy_adam import ChunkedLazyAdam


def steps(optimizer, shape, gradients):
    variable = tf.Variable(tf.random.stateless_normal(shape, [1, 2]))

    @tf.function(reduce_retracing=True)
    def apply(gradient):
        optimizer.apply_gradients([(gradient, variable)])

    for gradient in gradients:
        apply(gradient)
    slots = [optimizer.get_slot(variable, name).numpy() for name in ("m", "v")]
    return [variable.numpy(), *slots]


def slices(rows, columns, count, seed, unique=True):
    rng = np.random.default_rng(seed)
    indices = rng.permutation(rows)[:count] if unique else rng.integers(0, rows, count)
    values = rng.normal(size=(count, *columns)).astype(np.float32)
    return tf.IndexedSlices(
        tf.constant(values), tf.constant(indices, tf.int64), tf.constant([rows, *columns], tf.int64)
    )


@pytest.mark.parametrize("columns", [(3,), (2, 4)])
@pytest.mark.parametrize("chunk_floats", [1, 16, 1 << 20])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_it_is_tensorflow_addons_lazy_adam(columns, chunk_floats, count, monkeypatch):
    monkeypatch.setattr(lazy_adam, "_CHUNK_FLOATS", chunk_floats)
    gradients = [slices(20, columns, count, seed) for seed in range(4)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 4, 0.0)
    ours = steps(ChunkedLazyAdam(rate, epsilon=1e-5), (20, *columns), gradients)
    theirs = steps(tfa.optimizers.LazyAdam(rate, epsilon=1e-5), (20, *columns), gradients)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_rows_without_a_gradient_stay_as_they_are():
    before = tf.random.stateless_normal((20, 3), [1, 2]).numpy()
    gradient = slices(20, (3,), 5, 0)
    after, first, _ = steps(ChunkedLazyAdam(0.1), (20, 3), [gradient])
    untouched = np.setdiff1d(np.arange(20), gradient.indices)
    np.testing.assert_array_equal(after[untouched], before[untouched])
    assert (after[gradient.indices.numpy()] != before[gradient.indices.numpy()]).all()
    assert not first[untouched].any()


def test_duplicate_rows_are_summed_when_said_so():
    gradients = [slices(20, (3,), 30, seed, unique=False) for seed in range(3)]
    ours = steps(ChunkedLazyAdam(0.1, unique_rows=False), (20, 3), gradients)
    theirs = steps(tfa.optimizers.LazyAdam(0.1), (20, 3), gradients)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
