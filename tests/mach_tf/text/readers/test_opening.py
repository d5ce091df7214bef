from __future__ import annotations

import os
import threading

import pytest

from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import ONE_TEXT, read


@pytest.mark.parametrize(
    ("name", "text", "settings", "message"),
    [
        (
            "a.jsonl",
            "{}",
            {},
            "text_fields must name the fields .* .the file has none in its first line.. It was read as jsonl",
        ),
        (
            "a.jsonl",
            '{"title": "a", "tags": 1}',
            {},
            "text_fields must name the fields .* .the file has 'title', 'tags'.",
        ),
        ("a.csv", "title,tags", {}, "text_fields must name the fields .* .the file has 'title', 'tags'."),
        ("a.csv", "title,tags\ra,x\rb,y\r", {}, "must end with a line feed .got carriage returns alone"),
        (
            "a.json",
            '[{"text": "a"}]',
            {"text_fields": ("a",), "label_fields": ("b",)},
            "one object per line .got an array",
        ),
        (
            "a.json",
            '{\n "text": "a"}',
            {"text_fields": ("a",), "label_fields": ("b",)},
            "got an object over several lines",
        ),
        (
            "a.parquet",
            "text",
            {"text_fields": ("a",), "label_fields": ("b",)},
            "must be a Parquet file, which begins with",
        ),
        ("a.txt", "text", {"format": "lines"}, "there must be a second file, with the labels of each line"),
        ("a.jsonl", "{}", {"text_fields": ("a",)}, "label_field must name the field with labels"),
        ("a.txt", "a\t<x>", {"label_separator": ";"}, "label_separator must be left out with input_format=annif"),
        ("a.txt", "3 4 5\n", {}, "must hold texts .got a bag of words, because its first line is '3 4 5'"),
        ("a.jsonl", "", {}, "line 1: there must be a record .got an empty file"),
    ],
)
def test_settings_that_do_not_fit_the_format_are_refused(tmp_path, name, text, settings, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=f"{path}.*{message}"):
        open_records(TextInput(str(path)), InputSettings(**settings))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"missing must be a file .No such file"):
        open_records(TextInput(str(tmp_path / "missing")), ONE_TEXT)


def test_a_file_of_labels_is_refused_with_other_formats(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "tags": 1}')
    with pytest.raises(InputError, match="texts and labels must stand in one file"):
        open_records(TextInput(str(path), "labels"), ONE_TEXT)


def test_the_first_bad_lines_tell_how_the_format_was_found(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"text": "a"}\n{"text": "a", "tags": 1}\n{"text": "a"}\n')
    _, bad_lines = read(path, InputSettings("auto", ("text",), ("tags",)), n_bytes=10)
    hint = "It was read as jsonl, because its name ends in .json; if it is in another format, give input_format."
    assert [hint in str(line) for line in bad_lines] == [True, False]
    assert [hint in str(line) for line in read(path, ONE_TEXT, n_bytes=10)[1]] == [False, False]


def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text('{"text": "a", "tags": 1}\n' * 5000))
    writer.start()
    records, _ = read(path, InputSettings("auto", ("text",), ("tags",)))
    writer.join()
    assert len(records) == 5000
