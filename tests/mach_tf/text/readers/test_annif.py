from __future__ import annotations

import pytest

from mach_tf.text.readers.annif import is_corpus
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import problem, read_text

ANNIF = InputSettings("annif")


def test_documents_are_texts_with_uris(tmp_path):
    text = (
        'A "title" ¤ its abstract\t<http://a.org/1> <http://a.org/2>\r\n¤ 2\t<urn:x>\r\nplain\thttp://a.org/1 <b c>\r\n'
    )
    records, bad_lines = read_text(tmp_path, text, ANNIF)
    assert records == [
        (1, ('A "title" ¤ its abstract',), ("http://a.org/1", "http://a.org/2")),
        (2, ("¤ 2",), ("urn:x",)),
    ]
    assert [line.line for line in bad_lines] == [3]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a text alone", "a line must be a text, a tab and <URI> <URI> ... (got no tab in 'a text alone')"),
        ("a\tb\t<x>", "a line must have one tab, before the subjects (got another before '<x>')"),
        ("a\t<x", "a subject must be a URI in angle brackets, <URI> (got '<x')"),
        ("a\t<x><y>", "(got '<x><y>')"),
        ("a\t<>", "a label must not be empty"),
        ("a\t", "a record must have a label (got none)"),
        ("\t<x>", "a record must have text (got none)"),
        ("", "got no tab in ''"),
    ],
)
def test_bad_lines_are_told(tmp_path, line, message):
    assert message in problem(tmp_path, f"{line}\n", ANNIF)


def test_texts_alone_are_enough_where_labels_are_optional(tmp_path):
    records, bad_lines = read_text(tmp_path, "one\ntwo\t<x>\n\n", InputSettings("annif", labels_optional=True))
    assert [record[1:] for record in records] == [(("one",), ()), (("two",), ("x",))]
    assert [line.line for line in bad_lines] == [3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [("a\t<x>", True), ("a\t<x> <y> ", True), ("a\tx", False), ("a <x>", False), ("a\tb\t<x>", False), ("a\t<x>y", False)],
)  # fmt: skip
def test_a_corpus_is_told_from_other_tables(line, expected):
    assert is_corpus(line) is expected
