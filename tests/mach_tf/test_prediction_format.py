"""The bytes of predictions, in both formats."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from mach_tf import prediction_format
from mach_tf.errors import InputError
from mach_tf.top_labels import TopLabels

TOP = TopLabels(
    np.array([[3, 1], [2, -1], [-1, -1]], np.int32),
    np.array([[1 / 3, 1e-7], [0.5, 0], [0, 0]], np.float32),
)


def test_a_score_matrix_has_a_header_and_a_line_per_point():
    assert prediction_format.header("text", 3, 9) == b"3 9\n"
    lines = prediction_format.lines("text", TOP, 0, "probability").split(b"\n")
    assert lines == [b"3:0.333333343 1:1.00000001e-07", b"2:0.5", b"", b""]
    assert np.float32(lines[0].split()[1].split(b":")[1]) == np.float32(1e-7)


@pytest.mark.parametrize("names", [None, ["zero", 'a "quoted" ö', "two", "three"]])
def test_json_lines_have_an_object_per_point(names):
    assert prediction_format.header("jsonl", 3, 9) == b""
    lines = prediction_format.lines("jsonl", TOP, 7, "logit", names).decode().splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["point"] for one in found] == [7, 8, 9]
    assert [[entry["label"] for entry in one["labels"]] for one in found] == [[3, 1], [2], []]
    assert np.float32(found[0]["labels"][0]["logit"]) == np.float32(1 / 3)
    assert [entry.get("name") for entry in found[0]["labels"]] == (
        [None, None] if names is None else [names[3], names[1]]
    )


def test_an_unknown_format_is_refused():
    with pytest.raises(InputError, match=r"format must be one of text, jsonl, tsv \(got 'xml'\)"):
        prediction_format.chosen("xml")


def test_keys_and_names_stand_in_json_lines_and_tables():
    names, keys = ["zero", 'a "quoted"\tö', "two", "three"], ["k0", "k1", "k2", "k3"]
    (first, *_) = prediction_format.lines("jsonl", TOP, 0, "probability", names, keys).decode().splitlines()
    assert [list(entry) for entry in json.loads(first)["labels"]] == [["label", "key", "name", "probability"]] * 2
    text = prediction_format.header("tsv", 3, 9, "logit") + prediction_format.lines("tsv", TOP, 7, "logit", names, keys)
    table = list(csv.reader(io.StringIO(text.decode()), delimiter="\t"))
    assert table == [
        ["point", "label", "key", "name", "logit"],
        ["7", "3", "k3", "three", "0.333333343"],
        ["7", "1", "k1", 'a "quoted"\tö', "1.00000001e-07"],
        ["8", "2", "k2", "two", "0.5"],
    ]


@pytest.mark.parametrize(
    ("given", "output", "format"),
    [
        (None, "top.jsonl", "jsonl"),
        (None, "/a/TOP.TSV", "tsv"),
        (None, "top.txt", "text"),
        (None, "", "text"),
        ("text", "top.jsonl", "text"),
    ],
)
def test_the_name_of_the_output_says_the_format(given, output, format):
    assert prediction_format.chosen(given, output) == format


@pytest.mark.parametrize("name", ["top.csv", "top.CSV", "top.json", "top.tsv.gz", "top.jsonl.zst", "top.parquet"])
def test_a_name_that_promises_another_format_is_refused_unless_the_format_is_said(name):
    with pytest.raises(InputError, match=r"must not end in \.\w+, .*format=tsv"):
        prediction_format.chosen(None, name)
    assert prediction_format.chosen("tsv", name) == "tsv"


@pytest.mark.parametrize("name", ["top.txt", "top", "/dev/stdout", "a.csv/top", "top.xc"])
def test_other_names_are_score_matrices(name):
    assert prediction_format.chosen(None, name) == "text"
