"""Predicted labels as rows, as a table and as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mach_tf import prediction_format
from mach_tf.label_titles import LabelTitles
from mach_tf.predicted_labels import PredictedLabel, PredictedLabels
from mach_tf.top_labels import TopLabels

NAMES, KEYS = ["zero", "<b>one", "two", "three"], ["k0", "k1", "k2", "k3"]
TOP = TopLabels(np.array([[3, 1], [2, -1], [-1, -1]], np.int32), np.array([[0.75, 0.25], [0.5, 0], [0, 0]], np.float32))


def test_points_are_lists_of_keys_names_and_scores():
    found = PredictedLabels(TOP, LabelTitles(NAMES, KEYS), "probability")
    assert len(found) == 3 and list(found) == [
        [PredictedLabel("k3", "three", 0.75), PredictedLabel("k1", "<b>one", 0.25)],
        [("k2", "two", 0.5)],
        [],
    ]
    assert found[1][0].name == "two" and [name for _, name, _ in found[-3]] == ["three", "<b>one"]
    with pytest.raises(IndexError):
        found[3]


@pytest.mark.parametrize("titles", [LabelTitles(), LabelTitles(NAMES), LabelTitles(NAMES, KEYS)])
def test_json_is_that_of_json_lines(titles):
    found = PredictedLabels(TOP, titles, "logit").to_json()
    lines = prediction_format.lines("jsonl", TOP, 0, "logit", *titles).decode().splitlines()
    assert json.loads(json.dumps(found)) == [json.loads(line) for line in lines]


def test_it_shows_itself_as_a_table():
    one = PredictedLabels(TopLabels(*(part[:1] for part in TOP)), LabelTitles(NAMES), "probability")
    assert str(one).split() == ["probability", "name", *["-" * 13, "-" * 6], "0.7500", "three", "0.2500", "<b>one"]
    more = PredictedLabels(TOP, LabelTitles(NAMES, KEYS), "probability")
    assert str(more).splitlines()[0].split() == ["point", "probability", "name", "key"]
    assert str(more).splitlines()[4].split() == ["1", "0.5000", "two", "k2"]
    assert "&lt;b&gt;one" in more._repr_html_() and "<b>" not in more._repr_html_()
    assert repr(more) == "PredictedLabels(3 point(s), 2 label(s) each)"
