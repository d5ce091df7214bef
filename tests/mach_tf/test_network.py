"""Opening a model directory, its bucket logits and decoding, against the same network in NumPy."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.decoding.approximate import Approximate
from mach_tf.errors import InputError
from mach_tf.manifest import repetition_directory
from mach_tf.network import Network
from tests.helpers import model_directory


def hashed(ensemble, raw):
    return ensemble.manifest.feature_spec.apply(points.from_csr(raw)).features(ensemble.manifest.columns)


@pytest.mark.parametrize("keep", [True, False, None])
@pytest.mark.parametrize("batch", [7, 1024])
def test_bucket_logits_are_the_networks(model, raw, keep, batch, monkeypatch):
    monkeypatch.setattr("mach_tf.classifier._BATCH", batch)
    ensemble = Network.load(model[0], keep=keep)
    features = hashed(ensemble, raw)
    expected = model_directory.logits(model[1], features)
    np.testing.assert_allclose(ensemble.bucket_logits(features), expected, rtol=1e-4, atol=1e-5)


def test_hash_applies_the_models_own_hashing(model, raw):
    ensemble = Network.load(model[0])
    got = ensemble.hash(raw)
    assert (got != hashed(ensemble, raw)).nnz == 0
    np.testing.assert_allclose(scipy.sparse.linalg.norm(got, axis=1), 1, rtol=1e-5)


def test_the_first_repetitions_alone(model, raw):
    ensemble = Network.load(model[0], repetitions=2)
    assert ensemble.bucket_table.shape == (2, 30) and len(ensemble.repetitions) == 2
    features = hashed(ensemble, raw)
    expected = model_directory.logits(model[1][:2], features)
    np.testing.assert_allclose(ensemble.bucket_logits(features), expected, rtol=1e-4, atol=1e-5)


def test_approximate_decoding_of_all_buckets_is_exact(model, raw):
    ensemble = Network.load(model[0])
    features = ensemble.hash(raw)
    exact = ensemble.decode(features, 5)
    found = ensemble.decode(features, 5, approximate=Approximate(buckets=8, repetitions=3))
    np.testing.assert_array_equal(found.labels, exact.labels)


def test_missing_repetitions_are_named(model, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(model[0], directory)
    shutil.rmtree(repetition_directory(str(directory), 1))
    with pytest.raises(
        InputError,
        match=r"is not finished: it lacks repetition-001 \(of 3\)\. Run the same training again to resume it, copy here what was "
        r"trained elsewhere, or ask for fewer repetitions \(the first 1 is here\)\.$",
    ):
        Network.load(str(directory))
    assert len(Network.load(str(directory), repetitions=1).repetitions) == 1
    shutil.rmtree(repetition_directory(str(directory), 0))
    with pytest.raises(
        InputError, match=r"repetition-000, repetition-001 .* resume it or copy here what was trained elsewhere\.$"
    ):
        Network.load(str(directory))


def test_it_shows_its_sizes(model):
    shown = f"Network({model[0]!r}, repetitions=2, buckets=8, labels=30)"
    assert repr(Network.load(model[0], repetitions=2)) == shown


@pytest.mark.parametrize("other", [{"columns": 41}, {"buckets": 9}, {"features": 61}, {"epsilon": 0.03}])
def test_a_repetition_of_another_training_is_named(model, tmp_path, other):
    directory, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
    shutil.copytree(model[0], directory)
    elsewhere.mkdir()
    model_directory.write(str(elsewhere), repetitions=2, **other)
    shutil.rmtree(directory / "repetition-001")
    shutil.copytree(elsewhere / "repetition-001", directory / "repetition-001")
    with pytest.raises(InputError, match=r"repetition-001 is of another training.*same settings and data"):
        Network.load(str(directory))


def test_a_repetition_under_another_number_is_named(model, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(model[0], directory)
    shutil.rmtree(directory / "repetition-002")
    shutil.copytree(directory / "repetition-001", directory / "repetition-002")
    with pytest.raises(InputError, match=r"repetition-002 is of .*another repetition.*under its own number"):
        Network.load(str(directory))


@pytest.mark.parametrize("repetitions", [0, 4])
def test_more_repetitions_than_trained_are_refused(model, repetitions):
    with pytest.raises(InputError, match="has 3 repetitions; ask for 1 to 3"):
        Network.load(model[0], repetitions=repetitions)


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no model; make one with mach-train"):
        Network.load(str(tmp_path))


def test_a_pickle_opens_the_same_directory(evaluated, tmp_path):
    network = Network.load(evaluated.model_dir, repetitions=2)
    opened = pickle.loads(pickle.dumps(network))
    features = network.hash(evaluated.test[0])
    np.testing.assert_array_equal(opened.bucket_logits(features), network.bucket_logits(features))
    shutil.copytree(evaluated.model_dir, tmp_path / "model")
    packed = pickle.dumps(Network.load(tmp_path / "model"))
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(InputError, match="holds no model"):
        pickle.loads(packed)
    (tmp_path / "model").mkdir()
    model_directory.write(str(tmp_path / "model"), epsilon=0.5)
    with pytest.raises(InputError, match="must hold the model that was pickled"):
        pickle.loads(packed)
