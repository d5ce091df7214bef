"""Predictions of a text file, against Ensemble.predict; tests/eval/test_predict.py has formats and damaged files."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("k", "output", "message"),
    [
        (31, "out.txt", r"k must not exceed the model's 30 labels, and be at least 1 \(got 31\)"),
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
