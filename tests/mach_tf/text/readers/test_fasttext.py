from __future__ import annotations

import pytest

from mach_tf.text.readers.fasttext import parse
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import problem, read_text

FASTTEXT = InputSettings("fasttext")


@pytest.mark.parametrize(
    ("line", "text", "labels"),
    [
        ("__label__x a text", "a text", ["x"]),
        ("__label__x\t__label__y , a text", ", a text", ["x", "y"]),
        ("a text __label__x", "a text", ["x"]),
        ("a __label__x  text", "a   text", ["x"]),
        ("about__label__x text", "about__label__x text", []),
        ("__label__x__label__y text", "text", ["x__label__y"]),
        ("__label__ text", "text", [""]),
        ("__label__a\u00a0b text", "text", ["a\u00a0b"]),
        ("text alone", "text alone", []),
    ],
)
def test_words_with_the_prefix_are_labels(line, text, labels):
    assert parse(line) == ([text], labels)


def test_records_are_read(tmp_path):
    records, bad_lines = read_text(tmp_path, "__label__1 a\r\n__label__b __label__c ü\r\n", FASTTEXT)
    assert records == [(1, ("a",), ("1",)), (2, ("ü",), ("b", "c"))]
    assert bad_lines == []


@pytest.mark.parametrize(
    ("line", "message"),
    [("text", "must have a label"), ("__label__x", "must have text"), ("__label__ text", "must not be empty"), ("", "text")],
)  # fmt: skip
def test_bad_lines_are_told(tmp_path, line, message):
    assert message in problem(tmp_path, f"{line}\n", FASTTEXT)
