from __future__ import annotations

import threading
import time

import pytest

from mach_tf.data.ordered_map import ordered_map


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_ordered_map_keeps_order_and_bounds_what_is_in_flight(workers):
    taken, lock = [], threading.Lock()

    def items():
        for i in range(40):
            with lock:
                taken.append(i)
            yield i

    def work(i):
        time.sleep(0.001 * (i % 3))
        return i

    for i, result in enumerate(ordered_map(work, items(), workers)):
        assert result == i
        assert len(taken) <= i + workers + 2
    assert taken == list(range(40))


@pytest.mark.parametrize("workers", [1, 3])
def test_ordered_map_passes_errors_on(workers):
    results = ordered_map(lambda i: 1 // (3 - i), range(10), workers)
    with pytest.raises(ZeroDivisionError):
        list(results)
