from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_addons as tfa

from mach_tf.training.optimizers import lazy_adam
from mach_tf.training.optimizers.lazy_adam import ChunkedLazyAdam
from tests.helpers.row_gradients import ROWS, initial, slices, train


@pytest.mark.parametrize("columns", [(3,), (2, 4)])
@pytest.mark.parametrize("chunk_floats", [1, 16, 1 << 20])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_it_is_tensorflow_addons_lazy_adam(columns, chunk_floats, count, monkeypatch):
    monkeypatch.setattr(lazy_adam, "_CHUNK_FLOATS", chunk_floats)
    gradients = [slices(count, seed, columns) for seed in range(4)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 4, 0.0)
    ours = train(ChunkedLazyAdam(rate, epsilon=1e-5), gradients)
    theirs = train(tfa.optimizers.LazyAdam(rate, epsilon=1e-5), gradients)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_rows_without_a_gradient_stay_as_they_are():
    before = initial()
    gradient = slices(5, 0)
    after, first, _ = train(ChunkedLazyAdam(0.1), [gradient])
    untouched = np.setdiff1d(np.arange(ROWS), gradient.indices)
    np.testing.assert_array_equal(after[untouched], before[untouched])
    assert (after[gradient.indices.numpy()] != before[gradient.indices.numpy()]).all()
    assert not first[untouched].any()


def test_duplicate_rows_are_summed_when_said_so():
    gradients = [slices(30, seed, unique=False) for seed in range(3)]
    ours = train(ChunkedLazyAdam(0.1, unique_rows=False), gradients)
    theirs = train(tfa.optimizers.LazyAdam(0.1), gradients)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
