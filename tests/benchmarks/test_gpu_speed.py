"""The speed of training on a device: every measure is positive, and the bound grows with the work."""

from __future__ import annotations

import pytest

from benchmarks import gpu_checks, gpu_speed
from benchmarks.settings import TINY


@pytest.fixture(autouse=True)
def few_labels(monkeypatch):
    monkeypatch.setattr(gpu_checks, "_LABELS", 30)


@pytest.mark.parametrize("precision", gpu_speed.PRECISIONS)
def test_training_is_measured(precision):
    found = gpu_speed.training(TINY, 2, 2, "c", precision)
    assert found["milliseconds"] > 0 and found["milliseconds_waited_for"] > 0
    assert found["points_per_second"] > 0 and found["peak_memory_gb"] is None


def test_the_bound_grows_with_the_work(monkeypatch):
    monkeypatch.setattr(gpu_speed, "product_rate", lambda precision: 1e9)
    monkeypatch.setattr(gpu_speed, "bandwidth", lambda: 1e9)
    batches = gpu_checks.batches(TINY)
    clean, adversarial, eight = (
        gpu_speed.bound_seconds(TINY, group, variant, "float32", batches)
        for group, variant in ((1, "b"), (1, "c"), (8, "b"))
    )
    assert adversarial - clean == pytest.approx(6 * 4 * 8 * 5 / 1e9)
    assert eight == pytest.approx(8 * clean)


def test_rates_and_input():
    assert gpu_speed.product_rate("float32", 64) > 0 and gpu_speed.bandwidth(1 << 12) > 0
    assert gpu_speed.input_rate(TINY, 2, 3)["points_per_second"] > 0
