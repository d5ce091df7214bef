"""What a device takes at a size: an epoch beside its plan, and what is asked of a trained network."""

from __future__ import annotations

import pytest

from benchmarks import gpu_size, gpu_speed
from benchmarks.settings import TINY


@pytest.fixture(autouse=True)
def small_products(monkeypatch):
    monkeypatch.setattr(gpu_speed, "product_rate", lambda precision: 1e9)
    monkeypatch.setattr(gpu_speed, "bandwidth", lambda: 1e9)


def test_an_epoch():
    found = gpu_size.epoch(TINY, 2, points=9, labels=30)
    assert found["steps"] == 3 and found["peak_memory_gb"] is None
    assert min(found[name] for name in ("epoch_seconds", "points_per_second", "input_points_per_second")) > 0
    assert found["planned_seconds"] == pytest.approx(3 * 5e-3, abs=0.01) and found["planned_memory_gb"] >= 0


def test_answers():
    found = gpu_size.answers(TINY, 2, points=3, labels=30)
    assert len(found) == 7 and min(found.values()) > 0
