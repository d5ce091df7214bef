"""Operations on rows against NumPy's, and the exponential function against that of the math library."""

import numpy as np
import pytest

from mach_tf.attacks import point_lanes
from mach_tf.kernels import jit


@jit()
def _operate(lanes, target, source, rows, multiply):
    for i in range(len(source)):
        if multiply:
            point_lanes.multiply_row(lanes, target, rows[i], source, i)
        else:
            point_lanes.add_row(lanes, target, rows[i], source, i)


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("types", [(np.float32, np.float32), (np.float64, np.float32), (np.float64, np.float64)])
@pytest.mark.parametrize("multiply", [False, True])
def test_rows_are_combined_one_after_the_other(lanes, types, multiply):
    rng = np.random.default_rng(lanes)
    target, source = (rng.standard_normal((rows, lanes)).astype(kind) for rows, kind in zip((4, 9), types))
    rows, expected = rng.integers(0, 4, 9), target.copy()
    for row, values in zip(rows, source):
        expected[row] = expected[row] * values if multiply else expected[row] + values
    _operate((0,) * lanes, target, source, rows, multiply)
    np.testing.assert_array_equal(target, expected)


@jit()
def _exponentials(values):
    return np.array([point_lanes.exp_of_negative(value) for value in values])


def test_the_exponential_is_that_of_numpy():
    values = np.concatenate([[0.0, -0.0, -1e-300], -np.logspace(-18, np.log10(700), 5000), -np.linspace(0, 708, 5000)])
    np.testing.assert_allclose(_exponentials(values), np.exp(values), rtol=4e-16)
    least = _exponentials(np.array([-708.5, -1e300, -np.inf]))
    assert ((least > 0) & (least < 1e-307)).all()
    assert np.isnan(_exponentials(np.array([np.nan])))


@pytest.mark.parametrize("points", [1, 5, 16])
def test_there_and_back(points):
    numbers = np.random.default_rng(0).standard_normal((points, 150)).astype(np.float32)
    rows, back = np.zeros((150, 16), np.float32), np.empty_like(numbers)
    point_lanes.to_lanes(numbers, rows)
    np.testing.assert_array_equal(rows[:, :points], numbers.T)
    assert not rows[:, points:].any()
    point_lanes.from_lanes(rows, 0.5, back)
    np.testing.assert_array_equal(back, numbers / 2)


@jit()
def _operate_on_fours(lanes, target, source, rows):
    for i in range(len(target)):
        four = rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3]
        point_lanes.add_four_rows(lanes, target, i, source, four)


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_four_rows_are_added(lanes, kind):
    rng = np.random.default_rng(lanes)
    target, source = (rng.standard_normal((rows, lanes)).astype(kind) for rows in (9, 5))
    rows = rng.integers(0, 5, (9, 4))
    expected = target + ((source[rows[:, 0]] + source[rows[:, 1]]) + (source[rows[:, 2]] + source[rows[:, 3]]))
    _operate_on_fours((0,) * lanes, target, source, rows)
    np.testing.assert_array_equal(target, expected)


@jit()
def _exponentials_32(values):
    return np.array([point_lanes.exp_of_negative_32(value) for value in values])


def test_the_exponential_of_float32_is_that_of_numpy():
    values = np.concatenate([[0.0, -0.0, -1e-38], -np.logspace(-9, np.log10(86), 5000), -np.linspace(0, 87, 5000)])
    values = values.astype(np.float32)
    found = _exponentials_32(values)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.exp(values.astype(np.float64)), rtol=2.5e-7)
    least = _exponentials_32(np.array([-87.5, -1e30, -np.inf], np.float32))
    assert ((least > 0) & (least < 2e-38)).all()
    assert np.isnan(_exponentials_32(np.array([np.nan], np.float32)))
