from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.optimizers import lent_rows
from mach_tf.training.optimizers.lazy_adam import ChunkedLazyAdam, LazyRows
from tests.helpers.row_gradients import ROWS, initial, slices, train


class OnKerasAdam(LazyRows, tf.keras.optimizers.legacy.Adam):
    """What ChunkedLazyAdam is where tensorflow-addons is not installed."""


@pytest.fixture(params=[ChunkedLazyAdam, OnKerasAdam])
def optimizer(request):
    return request.param


def by_hand(gradients, rates, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Adam's rule in float64, for the rows that have a gradient; the steps are counted over all rows."""
    shape = tuple(gradients[0].shape)
    weights = initial(shape[1:]).astype(np.float64)
    first, second = np.zeros(shape), np.zeros(shape)
    for step, (gradient, rate) in enumerate(zip(gradients, rates), start=1):
        summed = np.zeros(shape)
        np.add.at(summed, gradient.indices.numpy(), gradient.values.numpy())
        rows = np.unique(gradient.indices)
        first[rows] = beta_1 * first[rows] + (1 - beta_1) * summed[rows]
        second[rows] = beta_2 * second[rows] + (1 - beta_2) * summed[rows] ** 2
        corrected = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weights[rows] -= corrected * first[rows] / (np.sqrt(second[rows]) + epsilon)
    return [weights, first, second]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected):
        # A sum whose terms nearly cancel keeps their rounding.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("columns", [(3,), (2, 4)])
@pytest.mark.parametrize("chunk_floats", [1, 16, 1 << 20])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_rows_are_updated_by_the_formula(optimizer, columns, chunk_floats, count, monkeypatch):
    monkeypatch.setattr(lent_rows, "CACHED_FLOATS", chunk_floats)
    gradients = [slices(count, seed, columns) for seed in range(4)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 4, 0.0)
    found = train(optimizer(rate, epsilon=1e-5), gradients)
    assert_same(found, by_hand(gradients, [0.1, 0.075, 0.05, 0.025], epsilon=1e-5))


@pytest.mark.skipif(not importlib.util.find_spec("tensorflow_addons"), reason="tensorflow-addons is not installed")
def test_it_is_tensorflow_addons_lazy_adam(optimizer):
    import tensorflow_addons as tfa

    assert issubclass(ChunkedLazyAdam, tfa.optimizers.LazyAdam)
    gradients = [slices(7, seed) for seed in range(4)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 4, 0.0)
    ours = train(optimizer(rate, epsilon=1e-5), gradients)
    theirs = train(tfa.optimizers.LazyAdam(rate, epsilon=1e-5), gradients)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_rows_without_a_gradient_stay_as_they_are(optimizer):
    before = initial()
    gradient = slices(5, 0)
    after, first, _ = train(optimizer(0.1), [gradient])
    untouched = np.setdiff1d(np.arange(ROWS), gradient.indices)
    np.testing.assert_array_equal(after[untouched], before[untouched])
    assert (after[gradient.indices.numpy()] != before[gradient.indices.numpy()]).all()
    assert not first[untouched].any()


def test_duplicate_rows_are_summed_when_said_so(optimizer):
    gradients = [slices(30, seed, unique=False) for seed in range(3)]
    assert_same(train(optimizer(0.1, unique_rows=False), gradients), by_hand(gradients, [0.1] * 3))


def test_a_dense_gradient_is_one_of_all_rows(optimizer):
    whole = [slices(ROWS, seed) for seed in range(4)]
    dense = [tf.convert_to_tensor(gradient) for gradient in whole]
    assert_same(train(optimizer(0.1), dense), by_hand(whole, [0.1] * 4))
