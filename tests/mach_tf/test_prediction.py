"""Predictions of a text file, against Ensemble.predict; tests/eval/test_predict.py has formats and damaged files."""

from __future__ import annotations

import os
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
        prediction.predict_file(Network.load(evaluated.model_dir), text, str(tmp_path / output), k)
    assert [path.name for path in tmp_path.iterdir()] == ["points.txt"]
