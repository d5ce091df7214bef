"""Columns of zeros and ones are labels by their names, in every format with fields."""

from __future__ import annotations

import json

import pyarrow
import pytest
from pyarrow import parquet

import mach_tf
from mach_tf.data.libsvm import TextInput
from mach_tf.errors import InputError
from mach_tf.text.readers.indicators import is_indicated
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.settings import InputSettings
from tests.mach_tf.text.readers.reading import problem, read

LABELS = ("tea", "oat milk")
ROWS = [("a b", 1, 0), ("c", 1, 1), ("d", 0, 1)]
EXPECTED = [("tea",), ("tea", "oat milk"), ("oat milk",)]


def _write(folder, form):
    path = folder / f"a.{form}"
    columns = {"text": [row[0] for row in ROWS], "tea": [row[1] for row in ROWS], "oat milk": [row[2] for row in ROWS]}
    if form == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, row))) + "\n" for row in ROWS))
    elif form == "parquet":
        columns["oat milk"] = [bool(value) for value in columns["oat milk"]]
        columns["tea"] = [float(value) for value in columns["tea"]]
        parquet.write_table(pyarrow.table(columns), path)
    else:
        delimiter = {"csv": ";", "tsv": "\t"}[form]
        rows = [["text", " tea ", "oat milk"], *ROWS]
        path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("labels", [LABELS, ()])
def test_the_names_of_fields_are_labels(tmp_path, form, labels):
    path = _write(tmp_path, form)
    settings = InputSettings("auto", ("text",), labels, label_indicators=True)
    if form == "jsonl" and not labels:
        with pytest.raises(InputError, match="label_field must name the field with labels"):
            read(path, settings)
        return
    records, bad_lines = read(path, settings)
    assert [record.labels for record in records] == EXPECTED and not bad_lines
    with open_records(TextInput(str(path)), settings) as reader:
        assert reader.settings.label_fields == LABELS


def test_columns_without_a_header_are_labels_by_number(tmp_path):
    (tmp_path / "a.csv").write_text("a b,1,0\nc,1.0,TRUE\nd,,1\n")
    records, _ = read(tmp_path / "a.csv", InputSettings("auto", ("0",), label_indicators=True))
    assert [record.labels for record in records] == [("1",), ("1", "2"), ("2",)]


@pytest.mark.parametrize("value", ["2", "yes", -1, 0.5, [1], {"a": 1}, "1,0"])
def test_other_values_are_refused(value):
    with pytest.raises(Fault, match=r"must hold 0 or 1 \(got .* in tea\); name in label_field"):
        is_indicated(value, "tea")


def test_a_column_that_is_no_label_is_named(tmp_path):
    settings = InputSettings("csv", ("text",), label_indicators=True)
    found = problem(tmp_path, "id,text,tea\n17,a b,1\n", settings)
    assert "must hold 0 or 1 (got '17' in id); name in label_field the fields that are labels" in found
    for header in (",text,tea", "tea,text,tea"):
        (tmp_path / "b.csv").write_text(f"{header}\n0,a b,1\n")
        with pytest.raises(InputError, match=r"must have names that differ .*name in label_field the columns"):
            read(tmp_path / "b.csv", settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": "csv", "label_separator": ";"}, "label_separator must be left out with label_indicators"),
        ({"format": "annif"}, "label_indicators must be left out with input_format=annif"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        InputSettings(**settings, label_indicators=True)


def test_a_dataset_of_indicators_is_that_of_their_names(tmp_path):
    options = {"text_fields": "text", "min_document_frequency": 1, "progress": False}
    made = mach_tf.preprocess(tmp_path / "a", train=_write(tmp_path, "csv"), label_indicators=True, **options)
    (tmp_path / "names.csv").write_text(
        "text,tags\n" + "".join(f"{r[0]},{'|'.join(e)}\n" for r, e in zip(ROWS, EXPECTED))
    )
    other = mach_tf.preprocess(
        tmp_path / "b", train=tmp_path / "names.csv", label_field="tags", label_separator="|", **options
    )
    assert made.manifest.fingerprint == other.manifest.fingerprint and not made.notes
    assert made.manifest.text.layout.label_fields == LABELS and made.manifest.text.layout.label_indicators
