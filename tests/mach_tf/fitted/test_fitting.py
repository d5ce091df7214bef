from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf.data.matrices import write_dataset
from mach_tf.errors import InputError
from mach_tf.fitted import fitting
from mach_tf.hashing import FeatureSpec
from mach_tf.training.fit import fit

X = scipy.sparse.random(30, 12, 0.4, "csr", np.float32, random_state=0)
Y = scipy.sparse.csr_matrix(np.eye(5, dtype=np.float32)[np.arange(30) % 5])
SETTINGS = {"epochs": 1, "repetitions": 2, "hidden_units": 4, "strategy": "one_device", "progress": False}


def train(model_dir, **changes):
    return fitting.train(X, Y, FeatureSpec(0), model_dir, {**SETTINGS, **changes})


@pytest.mark.parametrize(
    ("features", "dim", "spec"),
    [
        (131_072, "auto", FeatureSpec(0, norm="none")),
        (131_073, "auto", FeatureSpec(131_072, norm="none")),
        (50_001, 0, FeatureSpec(0, norm="none")),
        (10, 300, FeatureSpec(300, norm="none")),
    ],
)
def test_features_are_hashed_if_there_are_many(features, dim, spec):
    assert fitting.feature_spec(features, dim, "none") == spec


def test_a_temporary_model_has_no_logs_and_no_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stored = train(None)

    def made():  # TensorFlow too writes to the temporary directory
        return [path.name for path in tmp_path.glob("mach_tf-*")]

    assert made() == [os.path.basename(stored.directory)], "the dataset is removed"
    assert sorted(os.listdir(stored.directory)) == [
        "label_counts.npy",
        "model.json",
        "ranker.npz",
        "repetition-000",
        "repetition-001",
    ]
    del stored
    assert made() == []


def test_the_model_is_that_of_fit(tmp_path):
    write_dataset(X, Y, str(tmp_path / "dataset"), spec=FeatureSpec(0))
    expected = fit(str(tmp_path / "dataset"), str(tmp_path / "model"), **SETTINGS)
    stored = train(None)
    found = stored.open()
    assert found.manifest.ranker_sha256 == expected.manifest.ranker_sha256 != ""
    np.testing.assert_array_equal(found.predict(X).toarray(), expected.predict(X).toarray())


def test_without_a_ranker_that_the_directory_holds(tmp_path):
    assert train(tmp_path / "model").open().ranker is not None
    alone = train(tmp_path / "model", ranker=False)
    assert alone.open().ranker is None and alone.open().manifest.columns == 12


def test_a_named_directory_outlives_the_object_and_is_not_trained_twice(tmp_path):
    path = tmp_path / "model"
    first = train(path)
    before = os.stat(path / "repetition-000").st_mtime_ns
    assert first.directory == str(path) and (path / "tensorboard").is_dir()
    del first
    again = train(os.fspath(path))
    assert os.stat(path / "repetition-000").st_mtime_ns == before
    assert again.open().manifest.bucket_spec.repetitions == 2
    with pytest.raises(InputError, match="epochs=1"):
        train(path, epochs=2)
    with pytest.raises(InputError, match="model_dir"):
        fitting.train(X[:-1], Y[:-1], FeatureSpec(0), path, SETTINGS)


@pytest.mark.parametrize(
    ("named", "said"), [(False, "Nothing is kept, because model_dir is None"), (True, "state is saved")]
)
def test_interrupted_it_says_what_is_kept(tmp_path, monkeypatch, named, said):
    def interrupted(*_, **__):
        raise KeyboardInterrupt("Training stopped; the state is saved.")

    monkeypatch.setattr(fitting, "fit", interrupted)
    matrix = scipy.sparse.eye(4, format="csr", dtype=np.float32)
    with pytest.raises(KeyboardInterrupt, match=said):
        fitting.train(matrix, matrix, FeatureSpec(0), str(tmp_path / "model") if named else None, {})
