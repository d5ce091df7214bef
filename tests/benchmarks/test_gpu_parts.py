"""The parts of a training step: each is timed."""

from __future__ import annotations

from benchmarks import gpu_checks, gpu_parts

TINY = {"columns": 60, "hidden": 8, "buckets": 5, "points": 4, "features": 6, "group": 2}


def test_every_part_is_timed(monkeypatch):
    monkeypatch.setattr(gpu_checks, "_LABELS", 30)
    found = gpu_parts.milliseconds(TINY, 2)
    assert len(found) == 10 and min(found.values()) > 0
