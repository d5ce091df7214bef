"""The measurements of a training step: every variant runs, the ratios are computed from them, the fastest round counts."""

from __future__ import annotations

import json

import pytest

from benchmarks import train_step
from benchmarks.settings import TINY
from tests.helpers import programs


@pytest.mark.parametrize("variant", ["a", "f", "alone", "dense"])
def test_every_variant_measures(variant, monkeypatch):
    monkeypatch.setattr(train_step, "_LABELS", 30)
    assert min(train_step._seconds(train_step._step_function(TINY, variant), 1)) > 0


def test_the_bound_grows_with_the_products(monkeypatch):
    """10,000 times the operations, the same touched rows."""
    monkeypatch.setattr(train_step, "_LABELS", 30)
    monkeypatch.setattr(train_step, "_BOUND_STEPS", 2)
    assert train_step._bound({**TINY, "buckets": 10**9}) > 100 * train_step._bound(TINY)


def test_ratios():
    found = {
        name: {"milliseconds": ms}
        for name, ms in (("a", 40), ("b", 10), ("c", 15), ("d", 30), ("e", 8), ("f", 16), ("alone", 5))
    }
    expected = {"a/b": 4, "b/e": 1.25, "c/b": 1.5, "d/c": 2, "a/f": 2.5, "f/b": 1.6, "side_by_side": 4}
    assert train_step._ratios(found) == expected


def test_a_measurement_ends_with_its_json(capsys):
    programs.run("benchmarks.train_step", "--measure=dense/b", "--steps=1")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found) == {"milliseconds", "processor_milliseconds", "points_per_second", "peak_memory_gb"}


def test_the_fastest_round_of_every_variant_counts(monkeypatch):
    monkeypatch.setattr(train_step, "VARIANTS", {"small": ["b", "c"], "dense": ["b"]})
    rounds = iter([(10, 1), (30, 2), (45, 3), (15, 4), (35, 5), (40, 6)])
    measured = []

    def measure(setting, variant):
        measured.append(f"{setting}/{variant}")
        return dict(zip(("milliseconds", "processor_milliseconds"), next(rounds)))

    monkeypatch.setattr(train_step, "_in_process", measure)
    found = train_step._results(["small", "dense"], rounds=2)
    assert measured == ["small/b", "small/c", "dense/b"] * 2
    assert found == {
        "small": {
            "b": {"milliseconds": 10, "processor_milliseconds": 1},
            "c": {"milliseconds": 30, "processor_milliseconds": 2},
        },
        "dense": {"b": {"milliseconds": 40, "processor_milliseconds": 6}},
    }
