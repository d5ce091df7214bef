"""Predictions written block by block: the same as in memory, whatever the format, the blocks and the bad lines."""

from __future__ import annotations

import csv
import json
import os
import pathlib

import numpy as np
import pytest

from mach_tf import prediction, prediction_input
from mach_tf.data import libsvm
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from tests.helpers import text_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Ensemble.load(text_model.write(tmp_path_factory.mktemp("models") / "texts"))


@pytest.fixture(params=[1, 1 << 20])
def blocks(request, monkeypatch):
    monkeypatch.setattr(prediction_input, "_BLOCK_BYTES", request.param)


@pytest.fixture
def source(tmp_path):
    return text_model.write_records(tmp_path / "new.jsonl")


@pytest.mark.usefixtures("blocks")
@pytest.mark.filterwarnings("ignore:1 of 4 texts")
def test_json_lines_are_those_of_predict_text(model, source, tmp_path):
    prediction.predict_file(model, source, str(tmp_path / "top.jsonl"), k=3)
    lines = (tmp_path / "top.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == model.predict_text(text_model.RECORDS, k=3).to_json()
    assert list(json.loads(lines[0])["labels"][0]) == ["label", "key", "name", "probability"]


@pytest.mark.usefixtures("blocks")
@pytest.mark.filterwarnings("ignore:1 of 4 texts")
def test_a_table_has_a_row_per_label(model, source, tmp_path):
    prediction.predict_file(model, source, str(tmp_path / "top.tsv"), k=3, scores="logit")
    with open(tmp_path / "top.tsv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    assert header == ["point", "label", "key", "name", "logit"] and len(rows) == 12
    expected = model.predict_text(text_model.RECORDS, k=3, scores="logit")
    for row, (point, label) in zip(rows, [(point, label) for point, every in enumerate(expected) for label in every]):
        assert (int(row[0]), row[2], row[3], np.float32(row[4])) == (point, *label)
        assert text_model.KEYS[int(row[1])] == row[2]


@pytest.mark.usefixtures("blocks")
@pytest.mark.filterwarnings("ignore:1 of 4 texts")
def test_a_score_matrix_of_texts_begins_with_the_number_of_points(model, source, tmp_path):
    """Which is known only when all of them are read."""
    prediction.predict_file(model, source, str(tmp_path / "top.txt"), k=2)
    first, *lines = (tmp_path / "top.txt").read_text().splitlines()
    assert first == "4 12" and len(lines) == 4
    labels, scores = model.predict_text(text_model.RECORDS, k=2).top
    pairs = [[pair.split(":") for pair in line.split()] for line in lines]
    assert [[int(label) for label, _ in row] for row in pairs] == labels.tolist()
    np.testing.assert_array_equal(np.array([[score for _, score in row] for row in pairs], np.float32), scores)
    assert sorted(os.listdir(tmp_path)) == ["new.jsonl", "top.txt"]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(("name", "empty"), [("top.txt", ""), ("top.jsonl", '{"point": 1, "labels": []}')])
def test_skipped_lines_are_points_without_labels(model, tmp_path, name, empty):
    text_model.write_records(tmp_path / "good.jsonl", text_model.RECORDS[:2])
    first, second = (tmp_path / "good.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "new.jsonl").write_text(f"{first}not JSON\n{second}")
    for source in ("good", "new"):
        options = {"on_bad_line": "skip"} if source == "new" else {}
        (tmp_path / source).mkdir()
        if options:
            with pytest.warns(
                UserWarning, match=r"1 of 3 points of .*new\.jsonl have no predictions.*first is .*, line 2: "
            ):
                prediction.predict_file(model, str(tmp_path / "new.jsonl"), str(tmp_path / source / name), **options)
        else:
            prediction.predict_file(model, str(tmp_path / "good.jsonl"), str(tmp_path / source / name))
    good, new = ((tmp_path / source / name).read_text().splitlines() for source in ("good", "new"))
    at = len(new) - 2
    assert new.pop(at) == empty
    if name == "top.jsonl":
        new[1] = new[1].replace('"point": 2', '"point": 1')
    assert new[-2:] == good[-2:]


def test_a_bad_line_is_refused_with_its_number_and_leaves_nothing(model, tmp_path):
    (tmp_path / "new.jsonl").write_text('{"title": "light", "content": ""}\n{"title": "light"}\n')
    message = r"new\.jsonl, line 2: a record must have the field content .* leave such lines out: on_bad_line=skip"
    with pytest.raises(InputError, match=message):
        prediction.predict_file(model, str(tmp_path / "new.jsonl"), str(tmp_path / "top.txt"))
    assert os.listdir(tmp_path) == ["new.jsonl"]


def test_bad_lines_of_a_bag_of_words_are_skipped_too(evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr(libsvm.TextReader.blocks, "__defaults__", (1,))
    (tmp_path / "new.txt").write_text("3 60 30\n1 3:1\n1 3:x\n2 4:1\n")
    model = Ensemble.load(evaluated.model_dir)
    with pytest.warns(UserWarning, match="1 of 3 points"):
        prediction.predict_file(model, str(tmp_path / "new.txt"), str(tmp_path / "top"), k=2, on_bad_line="skip")
    first, *lines = pathlib.Path(tmp_path / "top").read_text().splitlines()
    assert first == "3 30" and [len(line.split()) for line in lines] == [2, 0, 2]


def test_names_and_keys_choose_labels(model, source, tmp_path):
    only = [text_model.KEYS[3], "Subject 7", "id:2"]
    prediction.predict_file(model, source, str(tmp_path / "top.jsonl"), only_labels=only, k=5)
    lines = [json.loads(line) for line in (tmp_path / "top.jsonl").read_text().splitlines()]
    assert [{label["label"] for label in line["labels"]} for line in lines] == [{2, 3, 7}] * 4


def test_texts_without_any_known_term_are_refused(model, tmp_path):
    source = text_model.write_records(tmp_path / "new.jsonl", [{"title": "nothing", "content": "is known here"}] * 3)
    with pytest.raises(InputError, match=r"must have terms that the model was trained with \(none of 3 has one\)"):
        prediction.predict_file(model, source, str(tmp_path / "top.jsonl"))
    assert os.listdir(tmp_path) == ["new.jsonl"]


def test_a_file_of_other_fields_is_told_which_ones_are_read(model, tmp_path):
    source = text_model.write_records(tmp_path / "new.jsonl", [{"heading": "light", "content": "wave"}] * 2)
    message = r"line 1: a record must have the field title .* text_fields are title, content by default, as in training"
    with pytest.raises(InputError, match=message):
        prediction.predict_file(model, source, str(tmp_path / "top.jsonl"))
