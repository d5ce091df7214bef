"""mach_tf on the files of a comparison of texts: the labels come back as the columns of y. Bags of words are tested with the program."""

import json

import numpy as np
import pytest
import scipy.sparse

from benchmarks import peers_data, peers_ours
from benchmarks.peers_data import Data, Part

WORDS = ["red", "green", "blue", "black"]


@pytest.fixture
def data(tmp_path):
    def part(points):
        # Label 10 - i belongs to word i, so that the order of names is not that of ids.
        texts = [f"{WORDS[i % 4]} thing" for i in range(points)]
        labels = [10 - i % 4 for i in range(points)]
        matrix = scipy.sparse.csr_matrix((np.ones(points, np.float32), labels, np.arange(points + 1)), (points, 11))
        return Part(texts, matrix)

    peers_data.write(str(tmp_path / "data"), Data(part(64), part(4)))
    return tmp_path / "data"


def test_texts_are_trained_on_and_predicted(tmp_path, data):
    settings = {"plan": None, "buckets": 4, "repetitions": 3, "hidden_units": 8, "epochs": 10, "learning_rate": 0.1}
    request = {
        "settings": {**settings, "batch_size": 16, "adversarial_weight": 0.0, "seed": 0},
        "data": str(data),
        "model": str(tmp_path / "model"),
        "top": 100,
    }
    peers_ours.main({**request, "stage": "train", "output": str(tmp_path / "train.json")})
    measured = json.loads((tmp_path / "train.json").read_text())
    assert measured["seconds"] > 0 and measured["peak_mb"] > 0
    peers_ours.main({**request, "stage": "predict", "output": str(tmp_path / "out.npz")})
    with np.load(tmp_path / "out.npz") as found:
        assert found["labels"][:, 0].tolist() == [10, 9, 8, 7]
        assert found["labels"].shape == (4, 4) and found["labels"].dtype == np.int32


def test_a_presets_preprocessing_is_that_of_its_flagfile():
    assert peers_ours.preprocessing("tib-core-text") == {"word_ngrams": (1, 1), "max_document_fraction": 0.2}
    assert peers_ours.preprocessing("bibtex") == {}
