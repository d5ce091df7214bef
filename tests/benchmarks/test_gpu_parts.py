"""The parts of a training step: each is timed."""

from __future__ import annotations

from benchmarks import gpu_checks, gpu_parts
from benchmarks.settings import TINY


def test_every_part_is_timed(monkeypatch):
    monkeypatch.setattr(gpu_checks, "_LABELS", 30)
    found = gpu_parts.milliseconds(TINY, 2)
    assert len(found) == 10 and min(found.values()) > 0
