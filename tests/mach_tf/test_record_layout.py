"""The recorded layout of training records: JSON and back, and bad values."""

from __future__ import annotations

import dataclasses
import json

import pytest

from mach_tf.errors import InputError
from mach_tf.record_layout import RecordLayout
from mach_tf.typed_json import from_json


def test_json_and_back():
    layout = RecordLayout("annif", ("tsv",), ("a", "b"), ";", True)
    assert from_json(RecordLayout, json.loads(json.dumps(dataclasses.asdict(layout)))) == layout


@pytest.mark.parametrize(
    "values",
    [
        {"format": "pdf"},
        {"mistaken_for": ["csv", "pdf"]},
        {"label_separator": ""},
        {"label_fields": [""]},
        {"label_fields": [3]},
        {"label_indicators": 1},
        {"unknown": 1},
    ],
)
def test_impossible_values_are_refused(values):
    with pytest.raises((InputError, TypeError, ValueError)):
        from_json(RecordLayout, values)
