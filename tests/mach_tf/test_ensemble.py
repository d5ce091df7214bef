"""Opening a model directory and predicting, against the same network in NumPy."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import estimators, points
from mach_tf.decoding.approximate import Approximate
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.manifest import repetition_directory
from tests.helpers import model_directory


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("model"))
    return directory, model_directory.write(directory)


@pytest.fixture(scope="module")
def raw():
    return scipy.sparse.random(23, 60, density=0.15, format="csr", random_state=1)


def hashed(ensemble, raw):
    return ensemble.manifest.feature_spec.apply(points.from_csr(raw)).features(ensemble.manifest.columns)


@pytest.mark.parametrize("keep", [True, False, None])
@pytest.mark.parametrize("batch", [7, 1024])
def test_bucket_logits_are_the_networks(model, raw, keep, batch, monkeypatch):
    monkeypatch.setattr("mach_tf.network._BATCH", batch)
    ensemble = Ensemble.load(model[0], keep=keep)
    features = hashed(ensemble, raw)
    expected = model_directory.logits(model[1], features)
    np.testing.assert_allclose(ensemble.bucket_logits(features), expected, rtol=1e-4, atol=1e-5)


def test_hash_applies_the_models_own_hashing(model, raw):
    ensemble = Ensemble.load(model[0])
    got = ensemble.hash(raw)
    assert (got != hashed(ensemble, raw)).nnz == 0
    np.testing.assert_allclose(scipy.sparse.linalg.norm(got, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_predict_gives_the_best_labels_best_first(model, raw, estimator, chunk):
    ensemble = Ensemble.load(model[0])
    ensemble.chunk_points = chunk
    predicted = ensemble.predict(raw, k=4, estimator=estimator)
    scores = estimators.bucket_scores(model_directory.logits(model[1], hashed(ensemble, raw)), estimator)
    every = np.broadcast_to(np.arange(30), (23, 30))
    expected = estimators.reported(
        estimators.label_scores(scores, ensemble.bucket_table, every, estimator), estimator, 8
    )
    assert predicted.shape == (23, 30) and predicted.dtype == np.float32
    stored = predicted.data.reshape(23, 4)
    assert (np.diff(stored, axis=1) <= 0).all()
    np.testing.assert_allclose(stored, -np.sort(-expected, axis=1)[:, :4], rtol=1e-4, atol=1e-5)
    columns = predicted.indices.reshape(23, 4)
    np.testing.assert_allclose(np.take_along_axis(expected, columns, 1), stored, rtol=1e-4, atol=1e-5)


def test_the_first_repetitions_alone(model, raw):
    ensemble = Ensemble.load(model[0], repetitions=2)
    assert ensemble.bucket_table.shape == (2, 30) and len(ensemble.repetitions) == 2
    features = hashed(ensemble, raw)
    expected = model_directory.logits(model[1][:2], features)
    np.testing.assert_allclose(ensemble.bucket_logits(features), expected, rtol=1e-4, atol=1e-5)


def test_no_points_give_no_labels(model):
    ensemble = Ensemble.load(model[0])
    assert ensemble.predict(scipy.sparse.csr_matrix((0, 60)), k=2).shape == (0, 30)


def test_approximate_decoding_of_all_buckets_is_exact(model, raw):
    ensemble = Ensemble.load(model[0])
    features = ensemble.hash(raw)
    exact = ensemble.top_k(features, 5)
    found = ensemble.top_k(features, 5, approximate=Approximate(buckets=8, repetitions=3))
    np.testing.assert_array_equal(found.labels, exact.labels)


def test_missing_repetitions_are_named(model, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(model[0], directory)
    shutil.rmtree(repetition_directory(str(directory), 1))
    with pytest.raises(InputError, match=r"must hold 3 repetitions, but lacks repetition-001.*train\.main"):
        Ensemble.load(str(directory))
    assert len(Ensemble.load(str(directory), repetitions=1).repetitions) == 1


@pytest.mark.parametrize("other", [{"columns": 41}, {"buckets": 9}, {"features": 61}, {"epsilon": 0.03}])
def test_a_repetition_of_another_training_is_named(model, tmp_path, raw, other):
    directory, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
    shutil.copytree(model[0], directory)
    elsewhere.mkdir()
    model_directory.write(str(elsewhere), repetitions=2, **other)
    shutil.rmtree(directory / "repetition-001")
    shutil.copytree(elsewhere / "repetition-001", directory / "repetition-001")
    with pytest.raises(InputError, match=r"repetition-001 is of another training.*same flags and data"):
        Ensemble.load(str(directory)).predict(raw)


def test_a_repetition_under_another_number_is_named(model, tmp_path, raw):
    directory = tmp_path / "model"
    shutil.copytree(model[0], directory)
    shutil.rmtree(directory / "repetition-002")
    shutil.copytree(directory / "repetition-001", directory / "repetition-002")
    with pytest.raises(InputError, match=r"repetition-002 is of .*another repetition.*under its own number"):
        Ensemble.load(str(directory)).repetitions[1:][1]


@pytest.mark.parametrize("repetitions", [0, 4])
def test_more_repetitions_than_trained_are_refused(model, repetitions):
    with pytest.raises(InputError, match="has 3 repetitions; ask for 1 to 3"):
        Ensemble.load(model[0], repetitions=repetitions)


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no model; make one with python -m train\.main"):
        Ensemble.load(str(tmp_path))


def test_features_that_do_not_fit_are_refused(model):
    ensemble = Ensemble.load(model[0])
    with pytest.raises(ValueError, match=r"must be \[n, 60\]"):
        ensemble.predict(scipy.sparse.csr_matrix((1, 61)))
    with pytest.raises(ValueError, match=r"must be \[n, 40\]"):
        ensemble.bucket_logits(scipy.sparse.csr_matrix((1, 41)))
    with pytest.raises(ValueError, match="must be finite"):
        ensemble.predict(scipy.sparse.csr_matrix(np.where(np.arange(60) == 3, np.nan, 0.0)[None]))


def test_it_is_exported_by_the_package():
    assert mach_tf.Ensemble is Ensemble


def test_attack_measures_what_the_metrics_lose(model, raw):
    ensemble = Ensemble.load(model[0])
    predicted = ensemble.predict(raw, k=2)
    truth = (predicted != 0).astype(np.float32)  # what it predicts, so that there is something to lose
    clean, small, large = ensemble.attack(raw, truth, epsilon=[0, 0.05, 0.5], ks=[1, 2], support="dense")
    assert clean.metrics["P@2"] == 100 and clean.lost["P@2"] == 0
    assert clean.loss < small.loss < large.loss
    assert large.lost["P@2"] > small.lost["P@2"] >= 0 and large.attack.support == "dense"
    (by_pgd,) = ensemble.attack(raw, truth, 0.5, "pgd", support="dense")
    assert by_pgd.attack.name == "pgd" and by_pgd.loss > clean.loss
