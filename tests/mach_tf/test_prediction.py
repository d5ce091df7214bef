"""Predictions of a text file, against Ensemble.predict; tests/eval/test_predict.py has formats and damaged files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest

from mach_tf import prediction
from mach_tf.data import libsvm
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.network import Network
from tests.helpers import world as worlds


@pytest.fixture
def text(evaluated, tmp_path):
    path = str(tmp_path / "points.txt")
    worlds.write_text(path, *evaluated.test)
    return path


@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_blocks_change_nothing(evaluated, text, tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(libsvm.TextReader.blocks, "__defaults__", (block_bytes,))
    output = tmp_path / "out.txt"
    done = prediction.predict_file(Network.load(evaluated.model_dir), text, str(output), k=3, estimator="mean")
    expected = Ensemble.load(evaluated.model_dir).predict(evaluated.test[0], k=3, estimator="mean")
    first, *lines = output.read_text().splitlines()
    assert first == "25 30"
    pairs = [[pair.split(":") for pair in line.split()] for line in lines]
    labels = np.array([[int(label) for label, _ in row] for row in pairs])
    scores = np.array([[float(score) for _, score in row] for row in pairs], np.float32)
    np.testing.assert_array_equal(labels, expected.indices.reshape(25, 3))
    np.testing.assert_array_equal(scores, expected.data.reshape(25, 3))
    assert done == prediction.FilePrediction(str(output), 25, 30, 3, "mean")
    assert done.to_json() == {"path": str(output), "points": 25, "labels": 30, "k": 3, "estimator": "mean"}
    assert str(done) == f"25 points predicted: {output}"


def test_the_split_forms_features_are_predicted_as_they_are(evaluated, text, tmp_path):
    split_form, network = str(tmp_path / "tst_X_Xf.txt"), Network.load(evaluated.model_dir)
    worlds.write_split_form(split_form, evaluated.test[0])
    for source, output in ((text, "joint.txt"), (split_form, "split.txt")):
        prediction.predict_file(network, source, str(tmp_path / output))
    assert (tmp_path / "split.txt").read_text() == (tmp_path / "joint.txt").read_text()


def test_a_file_of_labels_is_not_taken_for_features(evaluated, tmp_path):
    source = str(tmp_path / "tst_X_Y.txt")
    worlds.write_split_form(source, evaluated.test[1].astype(np.float32))
    with pytest.raises(InputError, match="the model was trained on 60 raw features, the file has 30"):
        prediction.predict_file(Network.load(evaluated.model_dir), source, str(tmp_path / "out.txt"))


def test_a_pipe_is_predicted(evaluated, text, tmp_path):
    network, pipe = Network.load(evaluated.model_dir), str(tmp_path / "pipe")
    prediction.predict_file(network, text, str(tmp_path / "file.txt"))
    os.mkfifo(pipe)
    writer = threading.Thread(target=_fill, args=(pipe, text))
    writer.start()
    prediction.predict_file(network, pipe, str(tmp_path / "pipe.txt"))
    writer.join()
    assert (tmp_path / "pipe.txt").read_text() == (tmp_path / "file.txt").read_text()


def _fill(pipe: str, source: str) -> None:
    with open(source, "rb") as file, open(pipe, "wb") as output:
        shutil.copyfileobj(file, output)


@pytest.mark.parametrize(
    ("k", "output", "message"),
    [
        (31, "out.txt", r"k must be at most 30 \(got 31\)"),
        (0, "out.txt", r"at least 1 \(got 0\)"),
        (
            5,
            "none/out.txt",
            r"output_path must be a file in an existing folder \(got .*none/out\.txt\); make .*none first",
        ),
    ],
)
def test_refusals_name_arguments(evaluated, text, tmp_path, k, output, message):
    with pytest.raises(InputError, match=message):
        prediction.predict_file(Network.load(evaluated.model_dir), text, str(tmp_path / output), k=k)
    assert [path.name for path in tmp_path.iterdir()] == ["points.txt"]


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "Yf.txt"
    path.write_text("".join(f"name {label}\n" for label in range(30)))
    return str(path)


@pytest.mark.parametrize("scores", ["probability", "logit"])
def test_json_lines_have_names_and_what_the_ensemble_predicts(evaluated, text, tmp_path, names, scores, monkeypatch):
    monkeypatch.setattr(
        libsvm.TextReader.blocks, "__defaults__", (500,)
    )  # several blocks, so that points are counted on
    output = tmp_path / "out.jsonl"
    prediction.predict_file(
        Network.load(evaluated.model_dir), text, str(output), format="jsonl", label_names=names, scores=scores, k=4
    )
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    labels, values = Ensemble.load(evaluated.model_dir).top_k(evaluated.test[0], k=4, scores=scores)
    assert [line["point"] for line in lines] == list(range(25))
    for line, ids, numbers in zip(lines, labels.tolist(), values):
        assert [list(entry) for entry in line["labels"]] == [["label", "name", scores]] * 4
        assert [entry["label"] for entry in line["labels"]] == ids
        assert [entry["name"] for entry in line["labels"]] == [f"name {label}" for label in ids]
        np.testing.assert_array_equal(np.array([entry[scores] for entry in line["labels"]], np.float32), numbers)


@pytest.mark.parametrize(
    ("only", "ids"), [("3,17,4", [3, 4, 17]), ("name 29, name 2", [2, 29]), (["name 5", "7"], [5, 7]), ([8], [8])]
)
def test_labels_are_chosen_among_some_and_above_a_threshold(evaluated, text, tmp_path, names, only, ids):
    output = tmp_path / "out.txt"
    prediction.predict_file(
        Network.load(evaluated.model_dir), text, str(output), only_labels=only, label_names=names, min_probability=0.5
    )
    first, *lines = output.read_text().splitlines()
    expected = Ensemble.load(evaluated.model_dir).predict(evaluated.test[0], only_labels=ids, min_probability=0.5)
    assert first == "25 30" and len(lines) == 25
    pairs = [[tuple(map(float, pair.split(":"))) for pair in line.split()] for line in lines]
    for row, found in zip(expected, pairs):
        assert [label for label, _ in found] == row.indices.tolist()
        np.testing.assert_array_equal(np.array([score for _, score in found], np.float32), row.data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "csv"}, r"format must be one of text, jsonl, tsv \(got 'csv'\)"),
        ({"scores": "cosine"}, "scores must be one of"),
        ({"min_probability": 1.5}, r"min_probability must be at most 1 \(got 1\.5\)"),
        ({"min_probability": float("nan")}, "min_probability must be a finite number from 0 to 1"),
        ({"only_labels": "3,30"}, r"only_labels must hold label ids in \[0, 30\) \(got '30'\)"),
        ({"label_names": "Yf.txt"}, "label_names has no effect on score matrices"),
        ({"force": True}, "force must come with label_names"),
        (
            {"label_names": "{names}", "only_labels": "no name"},
            r"in \[0, 30\) or names or keys of labels \(got 'no name'\)",
        ),
    ],
)
def test_options_that_cannot_be_met_are_refused(evaluated, text, tmp_path, names, options, message):
    options = {name: value.format(names=names) if isinstance(value, str) else value for name, value in options.items()}
    with pytest.raises(InputError, match=message):
        prediction.predict_file(Network.load(evaluated.model_dir), text, str(tmp_path / "out.txt"), **options)
    assert not (tmp_path / "out.txt").exists()


def test_names_that_the_model_was_not_trained_with_are_refused(evaluated, text, tmp_path, names):
    network, output = Network.load(evaluated.model_dir), str(tmp_path / "out.jsonl")
    options = {"format": "jsonl", "label_names": names}
    for known, passes in ((pathlib.Path(names).read_bytes(), True), (b"others", False)):
        hashes = {"label_names.txt": hashlib.sha256(known).hexdigest()}
        network.manifest = dataclasses.replace(network.manifest, names_sha256=hashes)
        if not passes:
            with pytest.raises(InputError, match=r"label_names must be the names that .* was trained with"):
                prediction.predict_file(network, text, output, **options)
            options["force"] = True
        prediction.predict_file(network, text, output, **options)


@pytest.mark.parametrize("option", ["label_names", "only_labels"])
def test_an_output_that_is_read_is_refused(evaluated, text, tmp_path, names, option):
    options = {"format": "jsonl", "label_names": names}
    if option == "only_labels":
        (tmp_path / "chosen.txt").write_text("3\n")
        options["only_labels"] = str(tmp_path / "chosen.txt")
    before = pathlib.Path(options[option]).read_text()
    with pytest.raises(InputError, match="must not be an input"):
        prediction.predict_file(Network.load(evaluated.model_dir), text, options[option], **options)
    assert pathlib.Path(options[option]).read_text() == before
