from __future__ import annotations

import pytest

from mach_tf.errors import InputError
from mach_tf.sizing import machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24GB", 24 * 10**9), ("512 MB", 512 * 10**6), ("1.5G", 1_500_000_000), ("2e9", 2 * 10**9), ("16GiB", 16 << 30)],
)
def test_sizes(text, expected):
    assert machine.parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "0GB", "-1GB", "1.2.3GB", "24XB", "1e400GB", "1e30"])
def test_sizes_that_are_none(text):
    with pytest.raises(InputError, match=r"^memory must be a size"):
        machine.parse_bytes(text)


def test_a_nominal_machine_is_the_same_each_time():
    assert machine.nominal(123) == machine.nominal(123) and machine.nominal(123).memory == 123


@pytest.mark.parametrize("seconds", [[2.0, 0.5, 1.0], [0.5]])
def test_rates_are_those_of_the_fastest_round(monkeypatch, seconds):
    left = iter(seconds * 2)
    monkeypatch.setattr(machine, "_seconds", lambda work: (work(), next(left))[1])
    assert machine.measure_flops(8, len(seconds)) == 2 * 8**3 / 0.5
    assert machine.measure_bandwidth(100, len(seconds)) == 2 * 100 / 0.5


def test_measured_rates_are_positive():
    assert machine.measure_flops(64, 2) > 0 and machine.measure_bandwidth(1 << 12, 2) > 0


def test_what_is_given_is_not_measured(monkeypatch):
    given = machine.Machine(5, 6.0, 7.0)
    monkeypatch.setattr(machine, "available_memory", lambda: 1)
    monkeypatch.setattr(machine, "measure_flops", lambda: 2.0)
    monkeypatch.setattr(machine, "measure_bandwidth", lambda: 3.0)
    assert machine.measured() == machine.Machine(1, 2.0, 3.0)
    assert machine.measured(5, bandwidth=7.0) == machine.Machine(5, 2.0, 7.0)
    for name in ("available_memory", "measure_flops", "measure_bandwidth"):
        monkeypatch.setattr(machine, name, lambda: pytest.fail("measured"))
    assert machine.measured(5, 6.0, 7.0) == given
