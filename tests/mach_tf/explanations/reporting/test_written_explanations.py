"""What a run shows in a terminal: texts, a table, and where the files are."""

from __future__ import annotations

import re

import numpy as np

from mach_tf.explanations.explanation import Explanation, FeatureAttribution
from mach_tf.explanations.reporting.written_explanations import WrittenExplanations
from mach_tf.explanations.words.word_attributions import WordAttributions
from tests.mach_tf.explanations.words.sample import explained_text


def _written(rest=0.0, files=False, with_texts=True, label="cats\x1b[0m"):
    words = WordAttributions(explained_text("Cats purr"), np.array([1.0, -0.5]), rest)
    features = [FeatureAttribution(0, "cats\x1b", 1.0, 1.0, False, 0)]
    one = Explanation(0, 3, label, 2.5, 2.0, 0.0, features, words)
    return WrittenExplanations(1, *(("a.jsonl", "r.html") if files else (None, None)), (one,), with_texts)


def test_texts_come_before_the_table():
    lines = _written().summary().splitlines()
    assert lines[:3] == ["cats␛[0m: score 2.5, baseline 2", "Cats[+1] purr[-0.5]", ""]
    assert "\x1b" not in "".join(lines) and "cats␛ +1.00" in lines[-1]
    assert _written(files=True).summary().splitlines()[-2:] == [
        "1 explanations in a.jsonl",
        "to read them, open r.html",
    ]


def test_texts_of_a_file_are_in_its_report_alone():
    assert _written(with_texts=False).summary() == str(_written())


def test_with_colours_reads_the_same():
    plain, coloured = _written().summary(), _written().summary(colours=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain and "\x1b[1m" in coloured


def test_what_belongs_to_no_word_is_told():
    assert "[-0.25] belongs to no word of this text" in _written(rest=-0.25).summary()
    assert "no word" not in _written().summary()
