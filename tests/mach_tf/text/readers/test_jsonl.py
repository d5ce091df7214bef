from __future__ import annotations

import gzip
import itertools
import json

import pytest

from mach_tf.text.readers.jsonl import parse_object
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import JSON, ONE_TEXT, problem, read, read_text

RECORDS = [
    {"title": "Lasers", "text": "short\npulses \u2028 of light", "tags": ["optics", "https://example.org/1"]},
    {"title": "", "text": "Künstliche 知能 👩‍🔬", "tags": [3, 2**63, 2**64 - 1], "other": {"a": [1.5, None, True]}},
]
EXPECTED = [
    (1, ("Lasers", "short\npulses \u2028 of light"), ("optics", "https://example.org/1")),
    (2, ("", "Künstliche 知能 👩‍🔬"), ("3", str(2**63), str(2**64 - 1))),
]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_records_are_what_was_written(tmp_path, ascii_only, end, mark):
    text = mark + end.join(json.dumps(record, ensure_ascii=ascii_only) for record in RECORDS)
    assert read_text(tmp_path, text, JSON) == (EXPECTED, [])
    assert read_text(tmp_path, text + end, JSON, n_bytes=10) == (EXPECTED, [])


def test_the_repositorys_raw_files_are_read(tmp_path):
    path = tmp_path / "trn.json.gz"
    lines = [{"uid": "B0", "title": "A book", "content": "", "target_ind": [12, 0], "target_rel": [1.0, 1.0]}]
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    found = read(path, InputSettings(text_fields=("title", "content"), label_fields=("target_ind",)))
    assert found == ([(1, ("A book", ""), ("12", "0"))], [])


def test_empty_lines_are_no_records(tmp_path):
    records, bad_lines = read_text(
        tmp_path, '\n{"text": "a", "tags": 1}\n \t\n\n{"text": "b", "tags": 2}\n\n', ONE_TEXT
    )
    assert [record.line for record in records] == [2, 5]
    assert bad_lines == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a", "tags": [1]', "a line must be one JSON object (Expecting ',' delimiter at character 26: got 'the end"),
        ('{"text": "a", "tags": [1]} {}', "(Extra data at character 28: got '{}')"),
        ('{"text": "a\tb", "tags": 1}', "(Invalid control character at character 12: got"),
        ("1", "a line must be one JSON object (got 1)"),
        ('"a"', "a line must be one JSON object (got 'a')"),
        ('{"text": "a", "tags": 1, "x": NaN}', "a number must be finite, as JSON knows no other (got NaN)"),
        ('{"text": "a", "tags": 1, "x": -Infinity}', "(got -Infinity)"),
        ('{"text": "a", "tags": 1, "text": "b"}', "a JSON object must have each name once (got 'text' twice)"),
        ('{"text": "a", "tags": 1, "x": {"y": 1, "y": 1}}', "(got 'y' twice)"),
        ('{"text": "a", "tags": 1, "x": ' + "[" * 100_000, "a JSON object must not be nested that deeply."),
        ('{"text": "a", "tags": ' + "1" * 5000 + "}", "a whole number must have at most 1000 digits (got 5000)"),
        ('{"text": "a \\ud83d", "tags": 1}', "got half of a surrogate pair, \\ud83d, at character 3"),
        ('{"text": "a", "tags": ["\\udc00"]}', "half of a surrogate pair, \\udc00, at character 1"),
        ('{"text": "a", "tags": ["a\\nb"]}', "a label must have no control characters"),
        ('{"text": "a", "tags": []}', "a record must have a label (got none in tags)"),
        ('{"text": " ", "tags": [1]}', "a record must have text (got none in text)"),
        ('{"text": "a"}', "a record must have the field tags (got the fields text)"),
        ('{"text": "a", "tags": 1.0}', "a label must be a string or a whole number (got 1.0 in tags)"),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_bad_lines_are_told(tmp_path, line, message):
    assert message in problem(tmp_path, f"{line}\n", ONE_TEXT)


def test_bytes_that_are_not_utf8_cost_their_line_alone(tmp_path):
    text = '{"text": "ä", "tags": 1}\n'
    records, bad_lines = read_text(tmp_path, text.encode() + text.encode("latin-1") + text.encode(), ONE_TEXT)
    assert [record.line for record in records] == [1, 3]
    assert [str(line) for line in bad_lines] == [
        f"{tmp_path / 'file'}, line 2: text must be UTF-8 (got the byte 0xe4 at position 10, in "
        r"""'{"text": "\\xe4", "tags": 1}')."""
    ]


def test_a_pair_of_surrogates_is_a_character(tmp_path):
    assert read_text(tmp_path, '{"text": "\\ud83d\\ude00", "tags": 1}', ONE_TEXT)[0][0].texts == ("😀",)


def test_an_object_is_parsed_or_refused():
    assert parse_object(' {"a": [1, {"b": 2.5}]}\r') == {"a": [1, {"b": 2.5}]}
    with pytest.raises(Fault):
        parse_object("")
