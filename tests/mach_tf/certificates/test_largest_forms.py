"""largest_forms: above the largest value in the box, and not far above it."""

import itertools

import numpy as np
import pytest

from mach_tf.certificates import largest_forms
from mach_tf.certificates.largest_forms import LargestForms


def problem(seed, units=20, n=8):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((units, n)).astype(np.float32), rng.random((3, units)).astype(np.float32)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1, 1e6])
@pytest.mark.parametrize("seed", range(4))
def test_above_the_value_at_each_corner_and_not_far_above(seed, scale):
    columns, weights = problem(seed)
    columns *= np.float32(scale)
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=8)))  # where a convex function is largest
    values = np.square(corners @ columns.T.astype(np.float64)) @ weights.T
    bounds = LargestForms(columns).bounds(weights)
    assert (values.max(axis=0) <= bounds).all()
    if scale > 1e-6:  # what is added for numbers below the normal ones is then of no account
        assert (bounds <= 2 * values.max(axis=0)).all()


@pytest.mark.parametrize("n", [1, 5, 300])
def test_exact_for_units_that_are_all_alike(n):
    columns = np.tile(np.linspace(1, 2, n, dtype=np.float32), (4, 1))
    (bound,) = LargestForms(columns).bounds(np.ones((1, 4), np.float32))
    exact = 4 * float(columns[0].sum(dtype=np.float64)) ** 2
    assert exact <= bound <= 1.02 * exact


def test_blocks_of_rows_change_nothing(monkeypatch):
    columns, weights = problem(0)
    expected = LargestForms(columns).bounds(weights)
    monkeypatch.setattr(largest_forms, "_ROWS", 3)
    np.testing.assert_array_equal(LargestForms(columns).bounds(weights), expected)


def test_nothing_to_bound():
    assert not LargestForms(np.empty((0, 5), np.float32)).bounds(np.empty((2, 0), np.float32)).any()
    assert not LargestForms(np.empty((5, 0), np.float32)).bounds(np.ones((2, 5), np.float32)).any()


def test_numbers_below_the_normal_ones_are_charged():
    columns = np.full((3, 4), 1e-30, np.float32)  # their squares vanish in float32
    (bound,) = LargestForms(columns).bounds(np.full((1, 3), 1e30, np.float32))
    assert bound >= 4 * 3 * 1e30 * 4 * 1e-60
