"""Calibration of a trained model: fitted on the validation split, recorded, and part of every probability."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import mach_tf
from mach_tf import estimators
from mach_tf.ensemble import Ensemble
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.logit_scale import LogitScale
from mach_tf.manifest import MODEL_FILE, DatasetManifest, ModelManifest
from mach_tf.metrics import ranking_metrics, score_calibration
from mach_tf.prediction import predict_file
from mach_tf.serving.exporting import export
from mach_tf.training import calibration, held_out, ranker_training
from tests.helpers import programs, tiny


@pytest.fixture(scope="module")
def calibrated(dataset, uncalibrated, tmp_path_factory):
    model = str(tmp_path_factory.mktemp("models") / "calibrated")
    shutil.copytree(uncalibrated, model)
    result = calibration.complete(dataset, model, True)
    assert result.points == 20 and result.after < result.before and f"{result.after:.4f}" in str(result)
    return model


def points():
    return scipy.sparse.random(9, tiny.FEATURES, 0.2, "csr", np.float32, random_state=5)


def test_the_line_is_that_of_the_best_labels_of_the_validation_split(dataset, uncalibrated, calibrated):
    model, split = (
        Ensemble.load(uncalibrated),
        mach_tf.data.dataset_reader.DatasetReader.open(dataset).read_points("valid"),
    )
    found = model.decode(split.features(model.manifest.columns), 5)
    hits = ranking_metrics.hits(found.labels, split.labels(model.labels))
    expected = score_calibration.fit(found.scores, hits, LogitScale())
    assert Ensemble.load(calibrated).logit_scale == expected != LogitScale()
    known = ModelManifest.read(calibrated).calibration
    assert (known.points, known.repetitions, known.ranker_sha256) == (20, len(model.repetitions), "")


def test_the_line_by_frequency_is_that_of_more_labels(dataset, uncalibrated, calibrated):
    model, data = Ensemble.load(uncalibrated), mach_tf.data.dataset_reader.DatasetReader.open(dataset)
    split = data.read_points("valid")
    found = model.decode(split.features(model.manifest.columns), model.labels)
    assert found.labels.shape == (20, 20)
    hits = ranking_metrics.hits(found.labels, split.labels(model.labels))
    counts = data.label_counts()[found.labels]
    expected = score_calibration.fit_by_frequency(found.scores, hits, counts, LogitScale())
    known = ModelManifest.read(calibrated).calibration.by_frequency
    assert (known.shift, known.scale, known.power) == expected


def test_labels_and_scores_stay_and_probabilities_are_those_of_the_line(uncalibrated, calibrated):
    before, after = Ensemble.load(uncalibrated), Ensemble.load(calibrated)
    ours, theirs = (model.top_k(points(), 4, scores="logit") for model in (after, before))
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    shift, scale = after.logit_scale
    expected = 1 / (1 + np.exp(-(ours.scores.astype(np.float64) - shift) / scale))
    found = after.top_k(points(), 4)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    assert np.abs(found.scores - before.top_k(points(), 4).scores).max() > 0.01
    for estimator in ("mean", "min", "median"):
        ours, theirs = (model.top_k(points(), 4, estimator) for model in (after, before))
        np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_a_least_probability_and_files_of_predictions_are_calibrated(calibrated, tmp_path):
    model = Ensemble.load(calibrated)
    found = model.top_k(points(), 4).scores
    least = float(np.median(found))
    np.testing.assert_array_equal(model.top_k(points(), 4, min_probability=least).scores > 0, found >= least)
    rows = [" ".join(f"{i}:{float(v)!r}" for i, v in enumerate(row) if v) for row in points().toarray()]
    source, target = tmp_path / "points.txt", tmp_path / "top.jsonl"
    source.write_text(f"9 {tiny.FEATURES} {model.labels}\n" + "".join(f" {row}\n" for row in rows))
    predict_file(model, str(source), str(target), k=4)
    written = [[each["probability"] for each in json.loads(line)["labels"]] for line in target.read_text().splitlines()]
    np.testing.assert_allclose(written, found, rtol=1e-5)


def test_evaluation_measures_the_calibrated_probabilities(dataset, uncalibrated, calibrated):
    options = {"split": "valid", "adversarial_loss": False}
    errors = [mach_tf.evaluate(m, dataset, **options).calibration["logit_mean"] for m in (uncalibrated, calibrated)]
    assert errors[1].expected_error < errors[0].expected_error


def test_utilities_weigh_the_calibrated_probabilities(calibrated):
    model = Ensemble.load(calibrated)
    found = model.top_k(points(), model.labels, objective="psp")
    log_weights = mach_tf.objectives.ranking(model, "psp").utility.log_weights[found.labels]
    line = model.manifest.calibration.by_frequency
    logits = (model.top_k(points(), model.labels, objective="psp", scores="logit").scores - line.shift) / line.scale
    utilities = -np.logaddexp(0, -logits.astype(np.float64)) + log_weights
    assert (np.diff(utilities, axis=1) <= 1e-5).all()


def test_a_servable_shows_the_same_probabilities(calibrated, tmp_path):
    model = Ensemble.load(calibrated)
    exported = export(model, tmp_path / "tiny" / "1")
    given = points()
    signature = tf.saved_model.load(exported.path).signatures["sparse"]
    found = signature(
        row_splits=tf.constant(given.indptr, tf.int64),
        feature_ids=tf.constant(given.indices, tf.int64),
        feature_values=tf.constant(given.data),
        k=tf.constant(4),
    )
    expected = model.top_k(given, 4)
    np.testing.assert_array_equal(found["labels"], expected.labels)
    np.testing.assert_allclose(found["probabilities"], expected.scores, rtol=1e-4)
    assert "calibrated on 20 held-out points" in (tmp_path / "tiny" / "1" / "README.md").read_text()


def test_a_ranker_and_more_repetitions_ask_for_another_line(dataset, calibrated, tmp_path):
    model = str(tmp_path / "model")
    shutil.copytree(calibrated, model)
    assert calibration.complete(dataset, model) is None, "nothing changed"
    ranker_training.train(dataset, model, progress=False)
    ranked = Ensemble.load(model)
    assert ranked.logit_scale == LogitScale.of_ranker(ranked.ranker.weight)
    assert Ensemble.load(model, ranker=False).logit_scale == Ensemble.load(calibrated).logit_scale
    assert calibration.complete(dataset, model) is not None
    assert Ensemble.load(model).logit_scale != ranked.logit_scale
    assert Ensemble.load(model, ranker=False).logit_scale == LogitScale()
    with pytest.raises(InputError, match="must hold the model that was pickled"):
        pickle.loads(pickle.dumps(ranked))
    again = pickle.loads(pickle.dumps(Ensemble.load(model)))
    assert again.logit_scale == Ensemble.load(model).logit_scale
    more = mach_tf.fit(dataset, model, repetitions=len(ranked.repetitions) + 1, progress=False)
    assert more.manifest.calibration.repetitions == len(ranked.repetitions) + 1


def test_models_of_earlier_versions_are_calibrated_on_request_alone(dataset, uncalibrated, tmp_path):
    model = str(tmp_path / "model")
    shutil.copytree(uncalibrated, model)
    manifest = ModelManifest.read(model)
    del manifest.run["calibrate"]
    manifest.write(model)
    assert calibration.complete(dataset, model) is None
    assert mach_tf.fit(dataset, model, progress=False).logit_scale == LogitScale()
    assert mach_tf.fit(dataset, model, progress=False, calibrate=True).logit_scale != LogitScale()


def test_new_models_are_calibrated_unless_told_otherwise(dataset, tmp_path):
    settings = {"repetitions": 2, "epochs": 1, "hidden_units": 8, "progress": False, "ranker": False}
    assert mach_tf.fit(dataset, tmp_path / "new", **settings).manifest.calibration.points == 20
    assert mach_tf.fit(dataset, tmp_path / "without", calibrate=False, **settings).manifest.calibration is None
    again = mach_tf.fit(dataset, tmp_path / "without", progress=False)
    assert again.manifest.calibration is None, "it goes by what the first call recorded"
    with pytest.raises(InputError, match="calibrate must be"):
        mach_tf.fit(dataset, tmp_path / "new", calibrate="yes")


def test_the_program_calibrates_and_says_so(dataset, uncalibrated, calibrated, tmp_path, capsys):
    model = str(tmp_path / "model")
    shutil.copytree(uncalibrated, model)
    programs.run("train.main", *tiny.arguments(dataset, model, calibrate=True))
    assert "The probabilities are calibrated on 20 points" in capsys.readouterr().out
    files = [os.path.join(path, MODEL_FILE) for path in (model, calibrated)]
    assert ModelManifest.read(model).calibration == ModelManifest.read(calibrated).calibration, files


def test_points_held_out_are_needed_before_training_begins(tmp_path):
    x, y = scipy.sparse.eye(6, format="csr"), scipy.sparse.eye(6, format="csr")
    mach_tf.write_dataset(x, y, tmp_path / "data", spec=FeatureSpec(dim=0))
    settings = {"repetitions": 1, "buckets": 2, "epochs": 1, "hidden_units": 2, "progress": False, "plan": None}
    with pytest.raises(InputError, match="Calibration needs held-out points: a valid split with labels and features"):
        mach_tf.fit(tmp_path / "data", tmp_path / "model", calibrate=True, **settings)
    assert not os.path.exists(tmp_path / "model")
    assert mach_tf.fit(tmp_path / "data", tmp_path / "model", **settings).manifest.calibration is None
    # Points without labels say nothing of probabilities; datasets of earlier versions may have no others.
    path = str(tmp_path / "no labels")
    mach_tf.write_dataset(x, y, path, valid=(x, y), spec=FeatureSpec(dim=0))
    calibration.check(path, True)
    manifest = DatasetManifest.read(path)
    unlabelled = dataclasses.replace(manifest.split("valid"), labels=0)
    dataclasses.replace(manifest, splits={**manifest.splits, "valid": unlabelled}).write(path)
    with pytest.raises(InputError, match="Calibration needs held-out points: a valid split with labels and features"):
        calibration.check(path, True)


@pytest.fixture(scope="module")
def without_split(tmp_path_factory):
    """A dataset without a validation split, and a model of four repetitions and a ranker that is calibrated by halves."""
    folder = tmp_path_factory.mktemp("halves")
    rng = np.random.default_rng(0)
    x = scipy.sparse.random(400, tiny.FEATURES, 0.2, "csr", np.float32, random_state=1)
    y = scipy.sparse.csr_matrix(x[:, :20].toarray() + rng.random((400, 20)) * (rng.random((400, 20)) < 0.05) > 0.4)
    data, model = str(folder / "data"), str(folder / "model")
    mach_tf.write_dataset(x, y.astype(np.float32), data, spec=FeatureSpec(dim=0))
    mach_tf.fit(data, model, calibration_fraction=0.4, ranker=True, **HALVES)
    return data, model


HALVES = {"repetitions": 4, "buckets": 8, "epochs": 4, "hidden_units": 16, "plan": None, "progress": False}


def test_without_a_split_each_half_scores_the_points_that_it_did_not_learn_from(without_split):
    """The line, from scores that are added up label by label."""
    data, path = without_split
    model, points = Ensemble.load(path), mach_tf.data.dataset_reader.DatasetReader.open(data).read_points("train")
    halves = held_out.halves(points, 0.4, model.manifest.training.seed)
    unseen = ranker_training.unseen(data, path)
    features, labels = points.features(model.manifest.columns), points.labels(20).toarray() > 0
    logits, scores, outcomes = model.bucket_logits(features), [], []
    for half in (0, 1):
        rows = np.flatnonzero(halves == half)
        own = [logits[rows, r][:, model.bucket_table[r]] for r in (half, half + 2)]
        of_labels = np.mean(own, axis=0) + unseen.added(features[rows]).toarray()
        best = np.argsort(-of_labels, axis=1)[:, :5]
        scores.append(np.take_along_axis(of_labels, best, 1))
        outcomes.append(np.take_along_axis(labels[rows], best, 1))
    known = model.manifest.calibration
    start = LogitScale.of_ranker(model.ranker.weight)
    expected = score_calibration.fit(np.concatenate(scores), np.concatenate(outcomes), start)
    np.testing.assert_allclose((known.shift, known.scale), expected, rtol=1e-3)
    assert known.points == (halves != held_out.NO_HALF).sum() and known.by_frequency is not None


def test_the_line_is_the_same_after_a_resumption_and_in_parts(without_split, tmp_path):
    data, path = without_split
    known = ModelManifest.read(path).calibration
    with_ranker = dataclasses.replace(ModelManifest.read(path), calibration=None)
    with_ranker.write(path)
    result = calibration.complete(data, path)
    assert ModelManifest.read(path).calibration == known, "the same from the model directory alone"
    assert f"calibrated on {known.points} points that half of the repetitions did not learn from" in str(result)
    parts = str(tmp_path / "parts")
    for begin in (0, 1, 2, 3):
        found = mach_tf.fit(
            data, parts, calibration_fraction=0.4, ranker=True, repetition_range=(begin, begin + 1), **HALVES
        )
    assert found.manifest.calibration == known, "trained in parts"
    with pytest.raises(InputError, match=r"calibration_fraction was 0\.4, is now 0\.2"):
        mach_tf.fit(data, path, calibration_fraction=0.2, progress=False)


def test_a_fraction_that_holds_no_point_out_leaves_the_model_as_it_is(without_split, tmp_path):
    found = mach_tf.fit(without_split[0], tmp_path / "model", calibration_fraction=1e-9, **HALVES)
    assert found.manifest.calibration is None and found.manifest.training.calibration_fraction == 1e-9


def test_another_dataset_is_refused(dataset, uncalibrated, tmp_path):
    x, y = points(), scipy.sparse.csr_matrix(np.eye(9, 20, dtype=np.float32))
    mach_tf.write_dataset(x, y, tmp_path / "other", valid=(x, y), spec=FeatureSpec(dim=0))
    with pytest.raises(InputError, match="was trained on another dataset"):
        calibration.complete(str(tmp_path / "other"), uncalibrated, True)


def test_probabilities_of_evaluation_are_those_of_prediction(dataset, calibrated):
    model = Ensemble.load(calibrated)
    found = model.decode(model.hash(points()), 3)
    expected = estimators.probabilities(found.scores, "logit_mean", 2, model.logit_scale)
    np.testing.assert_allclose(model.top_k(points(), 3).scores, expected, rtol=1e-6)
