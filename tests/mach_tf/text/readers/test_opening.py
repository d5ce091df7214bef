from __future__ import annotations

import json
import os
import threading

import pyarrow
import pytest
from pyarrow import parquet

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
    path.write_text('x\n{"text": "a", "tags": 1}\n{"text": "a"}\n')
    _, bad_lines = read(path, InputSettings("auto", ("text",), ("tags",)), n_bytes=10)
    hint = "It was read as jsonl, because its name ends in .json; if it is in another format, give input_format."
    assert [hint in str(line) for line in bad_lines] == [True, False]
    assert [hint in str(line) for line in read(path, InputSettings("auto", ("text",), ("tags",)))[1]] == [True, False]
    assert [hint in str(line) for line in read(path, ONE_TEXT, n_bytes=10)[1]] == [False, False]
    assert not any(hint in line.listed for line in bad_lines)


@pytest.mark.parametrize(
    ("name", "first", "second", "problem"),
    [
        ("a.jsonl", '{"text": 3, "tags": 1}', '{"text": "a", "tags": 1}', "a text must be a string (got 3 in text)."),
        ("a.tsv", "a\t<b", "a\t<http://example.org/1>", None),
        ("a", "__label__x", "__label__x a", "a record must have text (got none)."),
        ("a.csv", "", "text,tags\n,x", "a record must have text (got none in text)."),
    ],
)
def test_a_format_that_the_first_line_shows_is_not_doubted(tmp_path, name, first, second, problem):
    path = tmp_path / name
    path.write_text(f"{first}\n{second}\n")
    fields = (("text",), ("tags",)) if name.endswith(("csv", "jsonl")) else ()
    if problem is None:  # not shown: a missing bracket
        with pytest.raises(InputError, match="It was read as tsv"):
            read(path, InputSettings("auto"))
        return
    (line,) = read(path, InputSettings("auto", *fields))[1]
    assert str(line).startswith(f"{path}, line {line.line}: {problem}")
    assert ("It was read as" in str(line)) == ("It was read as" in problem)


@pytest.mark.parametrize("name", ["jsonl", "csv", "tsv", "annif", "fasttext", "lines", "parquet"])
def test_a_text_of_ten_megabytes_is_read(tmp_path, name):
    text, path, labels = "wort " * 2_000_000 + "ende", tmp_path / f"a.{name}", None
    has_fields = name in ("jsonl", "csv", "tsv", "parquet")
    settings = InputSettings(name, ("text",), ("tags",)) if has_fields else InputSettings(name)
    if name == "parquet":
        parquet.write_table(pyarrow.table({"text": [text, "b"], "tags": ["x", "y"]}), path)
    elif name == "jsonl":
        path.write_text(
            "".join(json.dumps({"text": one, "tags": key}) + "\n" for one, key in ((text, "x"), ("b", "y")))
        )
    elif name in ("csv", "tsv"):
        path.write_text("text,tags\n{},x\nb,y\n".replace(",", "," if name == "csv" else "\t").format(text))
    else:
        line = {"annif": "{}\t<{}>\n", "fasttext": "__label__{1} {0}\n", "lines": "{}\n"}[name]
        path.write_text(line.format(text, "x") + line.format("b", "y"))
    if name == "lines":
        labels = tmp_path / "labels"
        labels.write_text("x\ny\n")
    records, bad_lines = read(path, settings, labels, n_bytes=1 << 16)
    assert records == [(records[0].line, (text,), ("x",)), (records[0].line + 1, ("b",), ("y",))]
    assert bad_lines == []


def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text('{"text": "a", "tags": 1}\n' * 5000))
    writer.start()
    records, _ = read(path, InputSettings("auto", ("text",), ("tags",)))
    writer.join()
    assert len(records) == 5000


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "title,tags\nx,y\n"), ("a.jsonl", '{"title": "x", "tags": "y"}\n')]
)
def test_without_a_field_of_labels_the_fields_are_shown(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=r"label_field must name .* labels \(the file has 'title', 'tags'\)"):
        open_records(TextInput(str(tmp_path / name)), InputSettings(text_fields=("title",)))


def test_an_object_over_several_lines_is_told_with_the_command_that_joins_them(tmp_path):
    (tmp_path / "a.json").write_text('{ "text": "a",\n "tags": ["x"]}\n')
    _, bad_lines = read(tmp_path / "a.json", InputSettings("auto", ("text",), ("tags",)))
    assert "objects over several lines are joined by jq -c . FILE" in bad_lines[0].problem
