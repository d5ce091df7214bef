"""Sums of 64 points' integers against NumPy's."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from mach_tf.decoding.lanes import LANES, lanes_reaching


@numba.njit
def reaching(table, by_label, limits):
    found = np.empty(len(by_label), np.uint64)
    for label in range(np.uint64(len(by_label))):
        found[label] = lanes_reaching(table, by_label, label, limits)
    return found


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
@pytest.mark.parametrize(("repetitions", "largest"), [(1, 256), (2, 256), (7, 60), (16, 20), (16, 256)])
def test_which_sums_reach_their_limits(repetitions, largest, kind):
    generator = np.random.default_rng(largest)
    room = np.empty(repetitions * 30 * LANES + LANES, np.uint8)
    begin = -room.ctypes.data % LANES
    table = room[begin : begin + repetitions * 30 * LANES].reshape(repetitions, 30, LANES)
    table[:] = generator.integers(0, largest, table.shape)
    by_label = generator.integers(0, 30, (500, repetitions)).astype(kind)
    sums = np.minimum(table[np.arange(repetitions), by_label].sum(axis=1, dtype=int), 255)
    limits = np.quantile(sums, np.linspace(0, 1, LANES)).astype(np.uint8)
    bits = reaching(table, by_label, limits)[:, None] >> np.arange(LANES, dtype=np.uint64) & np.uint64(1)
    np.testing.assert_array_equal(bits.astype(bool), sums >= limits)
