from __future__ import annotations

import threading
import time

import pytest

from mach_tf.data.ordered_map import ordered_map


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    def slow_if_even(number):
        time.sleep(0.002 * (number % 2 == 0))
        return number * 10

    assert list(ordered_map(slow_if_even, range(20), workers)) == [number * 10 for number in range(20)]


def test_items_are_taken_only_as_they_are_needed():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = ordered_map(str, items(), 3)
    next(results)
    assert len(taken) <= 4
    results.close()
    assert len(taken) <= 4


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_comes_out_in_its_place_and_ends_the_threads(workers):
    def fail_at_five(number):
        if number == 5:
            raise ValueError("five")
        return number

    before = threading.active_count()
    found = []
    with pytest.raises(ValueError, match="five"):
        for result in ordered_map(fail_at_five, range(20), workers):
            found.append(result)
    assert found == [0, 1, 2, 3, 4] and threading.active_count() == before
