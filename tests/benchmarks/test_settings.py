"""The shapes at which training is measured: the reference setting is the design's."""

from __future__ import annotations

from benchmarks.settings import SETTINGS


def test_the_reference_setting():
    assert SETTINGS["reference"] == {
        "columns": 50_000,
        "hidden": 4096,
        "buckets": 2000,
        "points": 256,
        "features": 76,
        "group": 1,
    }


def test_all_have_the_same_fields():
    assert {frozenset(setting) for setting in SETTINGS.values()} == {frozenset(SETTINGS["reference"])}
