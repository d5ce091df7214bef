"""One second moment for each row and no momentum, against the formula in NumPy; the other variables are LaProp's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.optimizers.laprop import LazyLaProp
from mach_tf.training.optimizers.rowwise import RowwiseRMSProp
from tests.helpers.row_gradients import ROWS, initial, slices

COLUMNS = (2, 4)


def by_hand(gradients, rates, beta_2=0.99, epsilon=1e-7):
    """The docstring's formula in float64."""
    weights, squares = initial(COLUMNS).astype(np.float64), np.zeros((ROWS, COLUMNS[0]))
    for step, (gradient, rate) in enumerate(zip(gradients, rates), start=1):
        summed = np.zeros((ROWS, *COLUMNS))
        np.add.at(summed, gradient.indices.numpy(), gradient.values.numpy())
        rows = np.unique(gradient.indices)
        squares[rows] = beta_2 * squares[rows] + (1 - beta_2) * (summed[rows] ** 2).mean(-1)
        scale = rate * np.sqrt(1 - beta_2**step) / np.sqrt(squares[rows] + epsilon**2)
        weights[rows] -= scale[..., None] * summed[rows]
    return [weights, squares]


def train(optimizer, gradients, graph=True):
    variable = tf.Variable(initial(COLUMNS), name="hidden_kernel")
    optimizer._create_all_weights([variable])

    def apply(gradient):
        optimizer.apply_gradients([(gradient, variable)])

    update = tf.function(apply, reduce_retracing=True) if graph else apply
    for gradient in gradients:
        update(gradient)
    return [variable.numpy(), optimizer.get_slot(variable, "rms").numpy()]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-6 * np.abs(theirs).max() + 1e-30)


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("count", [0, 1, 7, ROWS])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_rows_are_updated_by_the_formula(count, size, graph):
    gradients = [slices(count, seed, COLUMNS, size=size) for seed in range(5)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 5, 0.0)
    expected = by_hand(gradients, [0.1, 0.08, 0.06, 0.04, 0.02], epsilon=1e-12)
    assert_same(train(RowwiseRMSProp(rate, epsilon=1e-12), gradients, graph), expected)


def test_other_constants():
    gradients = [slices(7, seed, COLUMNS) for seed in range(5)]
    found = train(RowwiseRMSProp(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.1), gradients)
    assert_same(found, by_hand(gradients, [0.1] * 5, 0.9, 0.1))


def test_a_dense_gradient_is_one_of_all_rows():
    whole = [slices(ROWS, seed, COLUMNS) for seed in range(4)]
    dense = [tf.convert_to_tensor(gradient) for gradient in whole]
    assert_same(train(RowwiseRMSProp(0.1), dense), by_hand(whole, [0.1] * 4))


def test_duplicate_rows_are_summed_when_said_so():
    gradients = [slices(30, seed, COLUMNS, unique=False) for seed in range(3)]
    assert_same(train(RowwiseRMSProp(0.1, unique_rows=False), gradients), by_hand(gradients, [0.1] * 3))


def test_rows_without_a_gradient_stay_as_they_are():
    gradient = slices(5, 0, COLUMNS)
    weights, squares = train(RowwiseRMSProp(0.1), [gradient])
    rows = gradient.indices.numpy()
    untouched = np.setdiff1d(np.arange(ROWS), rows)
    np.testing.assert_array_equal(weights[untouched], initial(COLUMNS)[untouched])
    assert (weights[rows] != initial(COLUMNS)[rows]).all()
    assert not squares[untouched].any() and squares[rows].all()


def test_a_gradient_of_zero_changes_nothing_at_the_least_epsilon():
    weights, squares = train(RowwiseRMSProp(0.1, epsilon=1e-18), [slices(7, 0, COLUMNS, size=0.0)] * 3)
    np.testing.assert_array_equal(weights, initial(COLUMNS))
    assert not squares.any()


@pytest.mark.parametrize(("value", "state"), [(np.nan, 0), (np.inf, 0), (1e30, 1)])
def test_what_is_not_finite_is_not_hidden(value, state):
    """The check of the state finds it: in the weights, or as LaProp's where the square of a gradient overflows, in the moments."""
    gradient = slices(1, 0, COLUMNS)
    large = tf.IndexedSlices(tf.fill((1, *COLUMNS), tf.constant(value, tf.float32)), gradient.indices, [ROWS, *COLUMNS])
    found = train(RowwiseRMSProp(0.1), [gradient, large], graph=False)[state]
    assert not np.isfinite(found[gradient.indices.numpy()]).any()


def test_it_has_one_moment_of_a_row_and_laprop_has_two_of_a_weight():
    variables = [tf.Variable(tf.zeros([5, 2, 3]), name="hidden_kernel"), tf.Variable(tf.zeros([2, 3]), name="other")]
    optimizer = RowwiseRMSProp(0.1)
    optimizer._create_all_weights(variables)
    shapes = sorted(tuple(weight.shape) for weight in optimizer.weights)
    assert shapes == [(), (2, 3), (2, 3), (5, 2)]
    assert optimizer.get_slot(variables[0], "momentum") is None


@pytest.mark.parametrize("dense", [True, False])
def test_other_variables_are_updated_by_laprop(dense):
    results = []
    for optimizer in (RowwiseRMSProp(0.1), LazyLaProp(0.1)):
        variable = tf.Variable(initial(COLUMNS), name="output_kernel")
        for seed in range(3):
            gradient = slices(7, seed, COLUMNS)
            optimizer.apply_gradients([(tf.convert_to_tensor(gradient) if dense else gradient, variable)])
        results.append([variable.numpy(), *(optimizer.get_slot(variable, name) for name in ("rms", "momentum"))])
    for ours, theirs in zip(*results):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_made_again_from_its_configuration():
    optimizer = RowwiseRMSProp(0.1, beta_2=0.9, epsilon=1e-3, unique_rows=False, variable="hidden_kernel")
    again = RowwiseRMSProp.from_config(optimizer.get_config())
    gradients = [slices(30, seed, COLUMNS, unique=False) for seed in range(3)]
    assert_same(train(again, gradients), train(optimizer, gradients))
