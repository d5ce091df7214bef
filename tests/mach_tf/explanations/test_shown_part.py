"""What is shown of attributions and what is left out: sums, counts and shares."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.explanations.shown_part import enough, shown_part


@pytest.mark.parametrize("shown", [0, 1, 5, 12, 20, 50])
def test_nothing_is_lost(shown):
    values = np.random.default_rng(shown).standard_normal(20)
    part = shown_part(values, shown)
    assert part.total == pytest.approx(values.sum())
    assert part.shown.size + part.raising.size + part.lowering.size == 20
    assert part.raising.total >= 0 >= part.lowering.total
    assert part.share == pytest.approx(np.abs(values[:shown]).sum() / np.abs(values).sum())
    assert part.total == pytest.approx(part.shown.total + sum(total for _, total in part.others()))


def test_one_and_many_and_none():
    assert shown_part([1.0, 2.0, -3.0], 1).others() == [("1 other that raises", 2.0), ("1 other that lowers", -3.0)]
    assert shown_part([1.0] * 2000, 1).others() == [("1,999 others that raise", 1999.0)]
    assert shown_part([], 3).share == shown_part([0.0, 0.0], 1).share == 1 and shown_part([], 3).others() == []


def test_a_hundred_percent_is_said_of_everything_only():
    assert "99%" in shown_part([1000.0, 1e-9], 1).sentence() and "1%" in shown_part([1.0] * 1000, 1).sentence()
    assert shown_part([1.0, 2.0], 2).sentence() == "all 2 features"


@pytest.mark.parametrize("scale", [0.0, 0.01, 0.1, 3.0])
def test_enough_is_the_least_number_that_is_half(scale):
    values = np.exp(-scale * np.arange(300))
    found = enough(values)
    halves = [n for n in range(12, 49) if shown_part(values, n).share >= 0.5]
    assert found == (halves[0] if halves else 48)
    assert enough([]) == enough([0.0] * 30) == 12
