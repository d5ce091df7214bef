"""The largest values of a row against a sort; the steepest fall against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.decoding.ranking import extremes, largest, mean_and_deviation, steepest_fall


@pytest.mark.parametrize("kind", ["random", "ties", "ascending", "constant", "infinite"])
@pytest.mark.parametrize(("width", "count"), [(1, 1), (5, 5), (100, 1), (100, 3), (1000, 30), (1007, 31), (1000, 1000)])
def test_largest_are_the_head_of_a_sort(width, count, kind):
    generator = np.random.default_rng(width)
    row = {
        "random": generator.normal(size=width),
        "ties": generator.integers(0, 3, width),
        "ascending": np.arange(width),
        "constant": np.full(width, -1.5),
        "infinite": generator.choice([-np.inf, 0, np.inf], width),
    }[kind].astype(np.float32)
    places, values = np.empty(width, np.int32), np.empty(width, np.float32)
    largest(row, count, places, values)
    np.testing.assert_array_equal(values[:count], -np.sort(-row)[:count])
    np.testing.assert_array_equal(row[places[:count]], values[:count])
    assert len(set(places[:count].tolist())) == count


@pytest.mark.parametrize("width", [1, 2, 7, 100, 1007])
@pytest.mark.parametrize(("least", "most"), [(-1e30, 1e30), (-3, -1), (1, 3), (-1, 0), (0, 1), (-1e-40, 1e-40)])
def test_extremes_whatever_the_signs(width, least, most):
    row = np.random.default_rng(width).uniform(least, most, width).astype(np.float32)
    assert extremes(row) == (row.min(), row.max())


def test_extremes_may_be_infinite_or_zero():
    infinity = np.float32(np.inf)
    for values in ((infinity, -infinity, 1), (-infinity,), (infinity, 0), (-0.0, 0.0), (-0.0, -1), (-0.0, 1)):
        assert extremes(np.array(values, np.float32)) == (min(values), max(values))


def test_what_is_typical_is_told_by_the_first_values():
    row = np.random.default_rng(0).normal(size=200).astype(np.float32)
    for values in (row, row[:64], row[:3]):
        first = values[:64].astype(np.float64)
        expected = first.mean(), np.abs(first - first.mean()).mean()
        np.testing.assert_allclose(mean_and_deviation(values), expected, rtol=1e-4)


def test_steepest_fall_looks_past_a_plateau():
    values = np.array([9, 8, 8, 8, 0, 0], np.float32)
    assert steepest_fall(values, 0, 6) == pytest.approx(9 / 4)
    assert steepest_fall(values, 1, 6) == pytest.approx(8 / 3)
    assert steepest_fall(values, 1, 4) == 0
    assert steepest_fall(values, 5, 6) == 0
