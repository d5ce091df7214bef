from __future__ import annotations

import dataclasses

import pytest

from mach_tf.sizing import tables
from mach_tf.sizing.machine import Machine
from mach_tf.sizing.planning import Plan

PLAN = Plan(
    buckets=2000,
    repetitions=8,
    parameters=1_704_000_000,
    training_bytes=4_440_000_000,
    side_by_side=3,
    ranker_bytes=0,
    serving_bytes=7_500_000_000,
    pair_collision=3.9e-27,
    any_pair_collision=1.75e-15,
    confusable=2.4e-5,
    step_seconds=0.2504,
    training_seconds=5400.0,
)
MACHINE = Machine(24 * 10**9, 1e12, 5e10)


def test_a_line_per_plan_and_a_mark_at_the_best():
    other = dataclasses.replace(PLAN, buckets=500)
    lines = tables.plans_table((other, PLAN), PLAN).splitlines()
    assert len(lines) == 4 and lines[0].split()[:2] == ["B", "R"]
    expected = "2,000 8 1,704 M 4.4 GB 3 7.5 GB 4e-27 2e-15 2e-05 250 ms 1.50 <- recommended"
    assert lines[3].split() == expected.split()
    assert lines[2].split()[0] == "500" and not lines[2].endswith("recommended")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.00034, "0.34 ms"), (0.0041, "4.1 ms"), (0.0099, "10 ms"), (1.2345, "1,234 ms")]
)
def test_short_steps_are_not_zero(seconds, text):
    assert text in tables.plans_table((dataclasses.replace(PLAN, step_seconds=seconds),), PLAN)


def test_the_machine():
    assert tables.machine_line(MACHINE) == "Machine: 24.0 GB of memory, 1,000 Gflop/s, 50.0 GB/s."


@pytest.mark.parametrize(("value", "text"), [(0, "0.0 GB"), (1_250_000_000_000, "1,250.0 GB"), (149_000_000, "0.1 GB")])
def test_gigabytes(value, text):
    assert tables.gigabytes(value) == text
