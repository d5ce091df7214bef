"""The peers' program: one model trained and read back by napkinXC itself, the others through stand-ins for their packages."""

import json
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from benchmarks.peer_programs import peer


@pytest.fixture
def data(tmp_path):
    """Points whose one feature is their label; the last training point has none of both."""
    folder = tmp_path / "data"
    folder.mkdir()
    ids = np.arange(60) % 3
    x = scipy.sparse.csr_matrix(np.eye(4, dtype=np.float32)[np.r_[ids, 3]])
    y = scipy.sparse.csr_matrix(np.vstack([np.eye(3, dtype=np.float32)[ids], np.zeros((1, 3), np.float32)]))
    test = scipy.sparse.csr_matrix(np.eye(4, dtype=np.float32)[:3])
    for name, matrix in {"train.x": x, "train.y": y, "test.x": test}.items():
        scipy.sparse.save_npz(folder / f"{name}.npz", matrix)
    return folder


def run(tmp_path, data, package, settings):
    request = {
        "package": package,
        "settings": settings,
        "data": str(data),
        "model": str(tmp_path / "model"),
        "threads": 1,
    }
    peer.main({**request, "stage": "train", "output": str(tmp_path / "train.json")})
    peer.main({**request, "stage": "predict", "output": str(tmp_path / "out.npz"), "top": 4})
    measured = json.loads((tmp_path / "train.json").read_text())
    with np.load(tmp_path / "out.npz") as found:
        assert found["seconds"] > 0 and found["peak_mb"] > 0
        return measured, found["labels"]


@pytest.mark.parametrize("model", ["PLT", "BR"])
def test_napkinxc_learns_and_is_read_back(tmp_path, data, model):
    measured, labels = run(tmp_path, data, "napkinxc", {"model": model})
    assert labels.shape == (3, 4) and labels.dtype == np.int32
    assert labels[:, 0].tolist() == [0, 1, 2]
    assert sorted(labels[0].tolist()) == [-1, 0, 1, 2], "there are three labels"
    assert {*measured} == {"seconds", "cpu_seconds", "peak_mb"}


def test_omikuji_gets_text_and_settings(tmp_path, data, monkeypatch):
    texts = []

    class Model:
        """A model that predicts the features of a point as its labels."""

        @staticmethod
        def default_hyper_param():
            return types.SimpleNamespace(max_depth=20)

        @classmethod
        def train_on_data(cls, path, settings, threads):
            assert (settings.max_depth, threads) == (3, 1)
            with open(path, encoding="ascii") as file:
                texts.append(file.read())
            return cls()

        @classmethod
        def load(cls, path):
            return cls()

        def save(self, path):
            pass

        def init_prediction_thread_pool(self, threads):
            pass

        def predict(self, pairs, top_k):
            return pairs[:top_k]

    monkeypatch.setitem(sys.modules, "omikuji", types.SimpleNamespace(Model=Model))
    _, labels = run(tmp_path, data, "omikuji", {"max_depth": 3})
    lines = texts[0].splitlines()
    assert lines[:4] == ["60 4 3", "0 0:1", "1 1:1", "2 2:1"] and len(lines) == 61, (
        "the point without labels is left out"
    )
    assert labels.tolist() == [[i, -1, -1, -1] for i in range(3)]
    assert not (tmp_path / "model.txt").exists()


def test_pecos_predictions_are_sorted(tmp_path, data, monkeypatch):
    scores = scipy.sparse.csr_matrix(np.array([[0.1, 0.9, 0], [0, 0, 1], [0.2, 0, 0.1]]))

    class XLinearModel:
        """A model that has learned nothing."""

        @classmethod
        def train(cls, x, y, C, threads):
            assert ("hierarchicalkmeans", ("pifa", y.shape, x.shape)) == C
            return cls()

        @classmethod
        def load(cls, path, is_predict_only):
            return cls()

        def save(self, path):
            pass

        def predict(self, x, only_topk, threads):
            return scores

    indexer = types.SimpleNamespace(gen=lambda features, indexer_type, threads: (indexer_type, features))
    embedding = types.SimpleNamespace(create=lambda y, x, method: (method, y.shape, x.shape))
    xmc = types.SimpleNamespace(Indexer=indexer, LabelEmbeddingFactory=embedding)
    model = types.SimpleNamespace(XLinearModel=XLinearModel)
    modules = {"pecos": None, "pecos.xmc": xmc, "pecos.xmc.xlinear": None, "pecos.xmc.xlinear.model": model}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module or types.ModuleType(name))
    _, labels = run(tmp_path, data, "pecos", {})
    assert labels.tolist() == [[1, 0, -1, -1], [2, -1, -1, -1], [0, 2, -1, -1]]
