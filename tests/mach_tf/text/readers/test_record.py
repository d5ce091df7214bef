from __future__ import annotations

import pytest

from mach_tf.text.readers.record import Fault, check_name, make_record
from mach_tf.text.readers.settings import InputSettings

SETTINGS = InputSettings("jsonl", ("title", "text"), ("tags",))
OPTIONAL = InputSettings("jsonl", ("title", "text"), ("tags",), labels_optional=True)


def test_labels_are_distinct_in_order_and_without_blanks_around_them():
    record = make_record(7, ["a", ""], ["x", " y\t", "x", "y"], SETTINGS)
    assert record == (7, ("a", ""), ("x", "y"))


@pytest.mark.parametrize("texts", [["", ""], [" ", "\n\t"], ["\u00a0", ""], []])
def test_a_record_must_have_text(texts):
    with pytest.raises(Fault, match=r"a record must have text \(got none in title, text\)"):
        make_record(1, texts, ["x"], SETTINGS)


def test_a_record_must_have_labels_unless_they_are_optional():
    with pytest.raises(Fault, match=r"a record must have a label \(got none in tags\)"):
        make_record(1, ["a"], [], SETTINGS)
    assert make_record(1, ["a"], [], OPTIONAL).labels == ()


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\ud800", "\t"])
def test_labels_have_no_control_characters(character):
    with pytest.raises(Fault, match="a label must have no control characters or line breaks"):
        make_record(1, ["a"], [f"x{character}y"], SETTINGS)


@pytest.mark.parametrize(
    "label", ["Künstliche Intelligenz", "東京", "a\u00a0b", "👩‍🔬", "عربي", "a\u200bb", "x" * 1000]
)
def test_other_labels_are_as_they_come(label):
    assert make_record(1, ["a"], [label], SETTINGS).labels == (label,)


def test_empty_and_long_labels_are_refused():
    with pytest.raises(Fault, match="a label must not be empty"):
        make_record(1, ["a"], [" "], SETTINGS)
    with pytest.raises(Fault, match=r"a label must have at most 1000 characters .got 1001, which begin with 'xxx"):
        make_record(1, ["a"], ["x" * 1001], SETTINGS)


def test_names_keep_the_same_rules():
    with pytest.raises(Fault, match="a name must have no control"):
        check_name("a\tb", "a name")
