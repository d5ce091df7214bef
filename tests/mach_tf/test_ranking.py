"""The largest values of a row against a sort; the steepest fall against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.ranking import largest, steepest_fall


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


def test_steepest_fall_looks_past_a_plateau():
    values = np.array([9, 8, 8, 8, 0, 0], np.float32)
    assert steepest_fall(values, 0, 6) == pytest.approx(9 / 4)
    assert steepest_fall(values, 1, 6) == pytest.approx(8 / 3)
    assert steepest_fall(values, 1, 4) == 0
    assert steepest_fall(values, 5, 6) == 0
