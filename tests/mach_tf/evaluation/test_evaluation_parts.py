"""The JSON of an evaluation's parts."""

from __future__ import annotations

from mach_tf.decoding.approximate import Approximate
from mach_tf.evaluation.evaluation_parts import CurvePoint, Decoding, Losses, Seconds


def test_losses():
    assert Losses(0.5, None, 0.01).to_json() == {"clean": 0.5, "adversarial": None, "epsilon": 0.01}


def test_exact_decoding_has_no_recall():
    decoding = Decoding({"mean": 30.0})
    assert decoding.mode == "exact"
    assert decoding.to_json() == {"mode": "exact", "labels_scored": {"mean": 30.0}}


def test_approximate_decoding_has_its_recall_and_settings():
    decoding = Decoding({"mean": 12.0}, Approximate(3, 1), {"mean": 0.75})
    assert decoding.mode == "approximate"
    assert decoding.to_json() == {
        "mode": "approximate",
        "labels_scored": {"mean": 12.0},
        "recall": {"mean": 0.75},
        "approximate": {"buckets": 3, "repetitions": 1},
    }


def test_seconds_and_curve_points():
    assert Seconds(1.0, 2.0, 3.0).to_json() == {"loading": 1.0, "network": 2.0, "decoding": 3.0}
    assert CurvePoint(2, {"P@1": 50.0}).to_json() == {"repetitions": 2, "metrics": {"P@1": 50.0}}
