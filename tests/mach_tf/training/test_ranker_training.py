"""The ranker of a model: trained, found again, and part of every label score."""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf import model_verification
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.decoding.approximate import Approximate
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.logit_scale import LogitScale
from mach_tf.manifest import RANKER_FILE, ModelManifest, repetition_directory
from mach_tf.ranker import choice
from mach_tf.training import claims, ranker_training
from tests.helpers import programs, tiny


@pytest.fixture(scope="module")
def ranked(dataset, trained, tmp_path_factory):
    """A model with a ranker."""
    model = str(tmp_path_factory.mktemp("models") / "ranked")
    shutil.copytree(trained, model)
    result = ranker_training.train(dataset, model, progress=False)
    assert result.labels == 20 and f"{result.weights:,} weights for 20 labels" in str(result)
    return model


def points():
    return scipy.sparse.random(9, tiny.FEATURES, 0.2, "csr", np.float32, random_state=5)


def test_label_scores_are_sums(ranked):
    model, alone = Ensemble.load(ranked), Ensemble.load(ranked, ranker=False)
    features = model.hash(points())
    labels, scores = alone.decode(features, alone.labels)[:2]
    plain = np.empty_like(scores)
    np.put_along_axis(plain, labels, scores, axis=1)
    sums = plain + model.ranker.added(features).toarray()
    found = model.decode(features, model.labels)
    np.testing.assert_array_equal(found.labels, np.argsort(-sums, axis=1, kind="stable"))
    np.testing.assert_allclose(found.scores, -np.sort(-sums, axis=1), rtol=1e-6)
    assert (plain != sums).any() and alone.ranker is None
    only = model.decode(features, 3, decoder=model.among([2, 5, 7]))
    np.testing.assert_allclose(np.sort(only.scores), np.sort(sums[:, [2, 5, 7]]), rtol=1e-6)


def test_it_learns_from_all_points_however_they_are_read(dataset, trained, monkeypatch):
    """Some at a time, and of some none has features and labels."""
    data, model = DatasetReader.open(dataset), ModelManifest.read(trained)
    whole = ranker_training._matrices(data, model)
    every = data.read_points("train")
    none = dataclasses.replace(every[:3], label_splits=np.zeros(4, np.int64), label_ids=every.label_ids[:0])
    parts = [every[:7], none, *(every[i : i + 40] for i in range(7, len(every), 40))]
    monkeypatch.setattr(DatasetReader, "iterate_points", lambda *_: iter(parts))
    for found, expected in zip(ranker_training._matrices(data, model), whole):
        assert (found != expected).nnz == 0 if scipy.sparse.issparse(found) else (found == expected).all()
        assert found.shape == expected.shape
    monkeypatch.setattr(DatasetReader, "iterate_points", lambda *_: iter([none]))
    with pytest.raises(InputError, match="got none with both"):
        ranker_training._matrices(data, model)


def test_other_estimators_are_those_of_the_ensemble(ranked):
    for estimator in ("mean", "min", "median"):
        ours, theirs = (Ensemble.load(ranked, ranker=r).decode(points(), 4, estimator) for r in (True, False))
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_evaluation_and_prediction_use_it(dataset, ranked):
    options = {"split": "valid", "adversarial_loss": False}
    with_it = mach_tf.evaluate(ranked, dataset, **options)
    without = mach_tf.evaluate(Ensemble.load(ranked, ranker=False), dataset, **options)
    # Labels are features here, which a linear classifier sees at once.
    assert with_it.metrics["P@1"] > without.metrics["P@1"]
    labels = Ensemble.load(ranked).top_k(points(), k=2).labels
    model = Ensemble.load(ranked)
    np.testing.assert_array_equal(labels, model.decode(model.hash(points()), 2).labels)


def test_probabilities_rank_as_the_sums_and_stay_apart(trained, ranked):
    model = Ensemble.load(ranked)
    found, sums = model.top_k(points(), k=model.labels), model.decode(model.hash(points()), model.labels).scores
    assert model.logit_scale == LogitScale.of_ranker(model.ranker.weight) != LogitScale()
    expected = 1 / (1 + np.exp(-(sums.astype(np.float64) - model.logit_scale.shift) / model.logit_scale.scale))
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5, atol=1e-30)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    assert Ensemble.load(ranked, ranker=False).logit_scale == Ensemble.load(trained).logit_scale


def test_approximate_decoding_is_refused(ranked):
    with pytest.raises(InputError, match="approximate needs a model opened with ranker=False"):
        Ensemble.load(ranked).decode(points(), 2, approximate=Approximate(2, 1))


def test_training_it_twice_gives_the_same_file(dataset, ranked, tmp_path):
    again = str(tmp_path / "again")
    shutil.copytree(ranked, again)
    ranker_training.train(dataset, again, progress=False)
    assert ModelManifest.read(again).ranker_sha256 == ModelManifest.read(ranked).ranker_sha256


def test_a_model_gets_one_when_it_is_whole(dataset, trained, tmp_path):
    model = str(tmp_path / "model")
    shutil.copytree(trained, model)
    moved = repetition_directory(model, 1), str(tmp_path / "moved")
    shutil.move(*moved)
    assert ranker_training.complete(dataset, model, True, progress=False) is None
    shutil.move(*reversed(moved))
    assert ranker_training.complete(dataset, model, False, progress=False) is None
    assert ranker_training.complete(dataset, model, None, progress=False) is None, "its first run wanted none"
    assert ranker_training.complete(dataset, model, True, progress=False) is not None
    assert ranker_training.complete(dataset, model, True, progress=False) is None
    os.remove(os.path.join(model, RANKER_FILE))
    with pytest.raises(InputError, match="train the ranker again"):
        Ensemble.load(model)
    assert ranker_training.complete(dataset, model, progress=False) is not None


def test_another_dataset_is_refused(ranked, tmp_path):
    x = points()
    mach_tf.write_dataset(x, scipy.sparse.eye(9, 20, format="csr"), str(tmp_path / "other"), spec=FeatureSpec(0))
    with pytest.raises(InputError, match="was trained on another dataset"):
        ranker_training.train(str(tmp_path / "other"), ranked, progress=False)


def test_verification_finds_damage(ranked, tmp_path):
    model = str(tmp_path / "damaged")
    shutil.copytree(ranked, model)
    assert model_verification.verify(model).is_whole
    with open(os.path.join(model, RANKER_FILE), "ab") as file:
        file.write(b"x")
    assert "ranker.npz is not the file" in str(model_verification.verify(model))


def test_pickles_keep_whether_it_is_used(ranked):
    for ranker in (True, False):
        copied = pickle.loads(pickle.dumps(Ensemble.load(ranked, ranker=ranker)))
        assert (copied.ranker is not None) == ranker


def test_fit_and_the_program_train_it(dataset, trained, ranked, tmp_path):
    by_program, by_fit = str(tmp_path / "program"), str(tmp_path / "fit")
    for path in (by_program, by_fit):
        shutil.copytree(trained, path)
    printed = programs.run("train.main", *tiny.arguments(dataset, by_program, ranker=True))
    mach_tf.fit(dataset, by_fit, ranker=True, progress=False)
    digests = {ModelManifest.read(path).ranker_sha256 for path in (ranked, by_program, by_fit)}
    assert len(digests) == 1, printed
    # A model that has one keeps it.
    assert mach_tf.fit(dataset, by_fit, progress=False).ranker is not None
    with pytest.raises(InputError, match="ranker must be"):
        mach_tf.fit(dataset, by_fit, ranker="yes")


def test_weights_fall_with_the_points_of_a_label():
    few, many = ranker_training.label_weights(np.array([8, 8])), ranker_training.label_weights(np.array([64, 64]))
    np.testing.assert_allclose([few[0], many[0]], [9.5, 2.375], rtol=1e-6)
    rare, frequent = ranker_training.label_weights(np.array([1, 32]))
    assert rare / frequent == pytest.approx(32**0.15, rel=1e-6)
    # Labels that no point has do not count.
    np.testing.assert_array_equal(ranker_training.label_weights(np.array([1, 32, 0, 0]))[:2], [rare, frequent])


@pytest.fixture
def killed(monkeypatch):
    """Kills trainings before the ranker."""

    def kill(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ranker_training, "train", kill)
        yield patch


def test_plans_train_one_and_a_killed_training_remembers_it(dataset, killed, tmp_path):
    model, settings = str(tmp_path / "model"), {"repetitions": 2, "epochs": 1, "hidden_units": 8, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        mach_tf.fit(dataset, model, **settings)
    assert not ModelManifest.read(model).ranker_sha256
    killed.undo()
    assert mach_tf.fit(dataset, model, **settings).ranker is not None
    assert mach_tf.fit(dataset, model, ranker=False, **settings).ranker is None
    assert Ensemble.load(model).ranker is not None


def test_parts_of_a_plan_train_one_with_the_last_part(dataset, tmp_path):
    settings = {"repetitions": 2, "epochs": 1, "hidden_units": 8, "progress": False}
    for part in ((0, 1), (1, 2)):
        found = mach_tf.fit(dataset, tmp_path / "model", repetition_range=part, **settings)
    assert found.ranker is not None


def test_without_a_plan_there_is_none(dataset, tmp_path):
    settings = {"repetitions": 1, "epochs": 1, "hidden_units": 8, "buckets": 8, "progress": False}
    assert mach_tf.fit(dataset, tmp_path / "model", plan=None, **settings).ranker is None


def test_points_with_features_and_labels_are_needed(tmp_path):
    x, y = (scipy.sparse.csr_matrix(np.kron(half, np.ones((5, 4)))) for half in ([[1], [0]], [[0], [1]]))
    mach_tf.write_dataset(x, y, str(tmp_path / "data"))
    with pytest.raises(InputError, match=r"got none with both\)"):
        mach_tf.fit(str(tmp_path / "data"), str(tmp_path / "model"), repetitions=1, epochs=1, progress=False)


def test_approximate_decoding_is_of_the_ensemble(dataset, ranked):
    options = {"split": "valid", "adversarial_loss": False, "approximate": Approximate(2, 1)}
    with pytest.raises(InputError, match="approximate decoding is of the ensemble alone"):
        mach_tf.evaluate(Ensemble.load(ranked), dataset, **options)
    found = mach_tf.evaluate(ranked, dataset, **options)
    assert found.metrics == mach_tf.evaluate(Ensemble.load(ranked, ranker=False), dataset, **options).metrics


def test_a_pickle_is_of_one_ranker(dataset, ranked, tmp_path):
    model = str(tmp_path / "model")
    shutil.copytree(ranked, model)
    pickled = pickle.dumps(Ensemble.load(model))
    changed = Ensemble.load(model).ranker
    changed.weights.data *= 2
    claims.add_ranker(model, changed)
    with pytest.raises(InputError, match="must hold the model that was pickled"):
        pickle.loads(pickled)


def test_a_penalty_that_no_point_was_held_out_for_is_said_to_be_the_default():
    few, many = (
        ranker_training.RankerResult(choice.Choice(1.0, precision, points), 30, 4)
        for precision, points in ((0, 0), (21.04, 600))
    )
    assert (
        str(few)
        == "The ranker has 30 weights for 4 labels. The penalty is 1, as labels have too few points to choose it."
    )
    assert str(many).endswith(
        "With the penalty 1 it has, alone, a mean P@1, P@3 and P@5 of 21.0% on 600 held-out points."
    )
