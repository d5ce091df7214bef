from __future__ import annotations

import gzip
import os

import pytest

from mach_tf.errors import InputError
from mach_tf.text.readers.recognition import recognise
from mach_tf.text.readers.settings import InputSettings

ANNIF, JSON, BOW = "a text\t<http://a.org/1> <urn:2>\n", ' {"text": "a"}\n', "10 5 3\n0 1:1\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.jsonl", JSON, "jsonl"),
        ("a.ndjson", JSON, "jsonl"),
        ("trn.JSON", JSON, "jsonl"),
        ("a.csv", "text,tags\n", "csv"),
        ("a.csv", "3 4 is a text,tags\n", "csv"),
        ("a.tsv", "text\ttags\n", "tsv"),
        ("a.tab", "text\ttags\n", "tsv"),
        ("a.tsv", ANNIF, "annif"),
        ("a.txt", ANNIF, "annif"),
        ("a", JSON, "jsonl"),
        ("a.txt", "\ufeff" + JSON, "jsonl"),
        ("a.txt", BOW, "bow"),
        ("a.txt", "10 5\r\n", "bow"),
        ("a.txt", "__label__x a text\n", "fasttext"),
        ("a.ft", "a text __label__x\n", "fasttext"),
        ("a.bin", "PAR1....", "parquet"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_formats_are_known_by_name_and_first_line(tmp_path, name, text, expected, compressed):
    if compressed and expected == "parquet":
        pytest.skip("Parquet has its own compression")
    path = tmp_path / (f"{name}.gz" if compressed else name)
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    found = recognise(str(path))
    assert found.format == expected
    assert found.seen in found.hint


def test_a_file_of_labels_makes_a_file_of_lines(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("one\ntwo\n")
    assert recognise(str(path), "labels.txt").format == "lines"
    path.write_text("10 5\n0:1\n")
    assert recognise(str(path), "labels.txt").format == "bow"


def test_named_labels_make_a_table_of_what_might_be_a_corpus(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(ANNIF)
    assert recognise(str(path), settings=InputSettings(text_fields=("0",), label_fields=("1",))).format == "tsv"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", JSON, "got csv, because its name ends in .csv, but jsonl, because its first line begins with {"),
        ("a.jsonl", "__label__x a", "got jsonl, because its name ends in .jsonl, but fasttext, because its first line"),
        ("a.tsv", BOW, "got tsv, because its name ends in .tsv, but bow, because its first line is '10 5 3'"),
        ("a.txt", "some text\n", "must have a known format .its first line is 'some text'.. Give input_format, one of bow, jsonl"),
    ],
)  # fmt: skip
def test_a_wrong_guess_is_told_with_what_was_seen(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        recognise(str(path))


def test_texts_alone_are_lines_where_labels_are_optional(tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("some text\n")
    assert recognise(str(path), settings=InputSettings(labels_optional=True)).format == "lines"
    for fields in ({"label_fields": ("1",)}, {"text_fields": ("0", "1")}):
        with pytest.raises(InputError, match="must have a known format"):
            recognise(str(path), settings=InputSettings(labels_optional=True, **fields))


def test_what_the_user_says_is_not_questioned(tmp_path):
    assert recognise(str(tmp_path / "missing.csv"), settings=InputSettings("jsonl")).format == "jsonl"


def test_a_pipe_cannot_be_read_twice(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"must be a regular file, because it is read more than once .got a pipe"):
        recognise(str(tmp_path / "pipe"))
