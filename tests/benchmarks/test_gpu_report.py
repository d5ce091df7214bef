"""The tables and ratios of a GPU's measurements."""

from __future__ import annotations

from benchmarks import gpu_report


def test_ratios():
    times = {
        "speed/reference/1/clean/float32": 4.0,
        "speed/reference/1/clean/bfloat16": 2.0,
        "speed/reference/8/clean/bfloat16": 8.0,
        "speed/reference/8/adversarial/bfloat16": 12.0,
    }
    assert gpu_report.ratios({step: {"milliseconds": ms} for step, ms in times.items()}) == {
        "reference/1/clean: float32/bfloat16": 2.0,
        "reference/clean/bfloat16: side by side": 2.0,
        "reference/8/bfloat16: adversarial/clean": 1.5,
    }


def test_an_epoch_is_compared_with_the_plan():
    epoch = {"epoch_seconds": 6.0, "planned_seconds": 4.0, "planned_memory_gb": 2.0}
    assert gpu_report.ratios({"epoch/8": {**epoch, "peak_memory_gb": None}}) == {
        "epoch/8: epoch_seconds/planned_seconds": 1.5
    }
    assert gpu_report.ratios({"epoch/8": {**epoch, "peak_memory_gb": 3.0}}) == {
        "epoch/8: epoch_seconds/planned_seconds": 1.5,
        "epoch/8: peak_memory_gb/planned_memory_gb": 1.5,
    }


def test_every_outcome_is_in_a_table():
    found = {
        "device": {"gpu": "Some GPU", "tensorflow": "2.21.0"},
        "check/decode": {"same": True, "differences": {"scores": 1e-7}, "error": ""},
        "check/export": {"same": False, "differences": {"loaded": 0.1}, "error": ""},
        "check/attack": {"error": "no memory"},
        "speed/small/8/clean/float32": {"milliseconds": 3.25, "error": ""},
        "parts/1": {"fgsm": 0.125, "seconds": 1, "error": ""},
        "epoch/8": {"error": "took longer than 120 s"},
        "answers": {"decoding": 4.75, "seconds": 1, "error": ""},
    }
    text = gpu_report.text(found)
    for expected in (
        "Some GPU, TensorFlow 2.21.0",
        "same",
        "1e-07",
        "DIFFERENT",
        "no memory",
        "3.25",
        "0.125",
        "took longer",
        "4.75",
    ):
        assert expected in text
