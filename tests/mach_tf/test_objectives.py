"""Ranking for an objective: prediction, evaluation and files, against ranking all labels by their probabilities and weights."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import scipy.special

import mach_tf
from mach_tf import objectives
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.decoding.approximate import Approximate
from mach_tf.errors import InputError
from mach_tf.logit_scale import Calibration, FrequencyLine
from mach_tf.manifest import LABEL_COUNTS_FILE, DatasetManifest, ModelManifest
from mach_tf.metrics import propensity
from mach_tf.network import Network
from mach_tf.prediction import predict_file
from mach_tf.training import claims
from tests.helpers import rankers
from tests.helpers.tiny import FEATURES, LABELS

POINTS = 17


@pytest.fixture(scope="module")
def model(uncalibrated):
    return mach_tf.Ensemble.load(uncalibrated)


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(2).random((POINTS, FEATURES)) * (
        np.random.default_rng(3).random((POINTS, FEATURES)) < 0.2
    )


@pytest.fixture(scope="module")
def psp_order(model, X, dataset):
    """All labels of each point by probability / propensity, and their probabilities, int and float32 [n, K]."""
    manifest = DatasetManifest.read(dataset)
    inverse = 1 / propensity.propensities(manifest.label_counts(dataset), manifest.splits["train"].points)
    dense = model.predict(X, k=LABELS).toarray()
    order = np.argsort(-dense * inverse, axis=1, kind="stable")
    return order, np.take_along_axis(dense, order, axis=1)


def test_a_trained_model_keeps_what_the_weights_are_made_of(uncalibrated, dataset):
    manifest = ModelManifest.read(uncalibrated)
    assert manifest.training_points == DatasetManifest.read(dataset).splits["train"].points
    assert LABEL_COUNTS_FILE in manifest.files_sha256


@pytest.mark.parametrize("k", [1, 5, LABELS])
def test_psp_ranks_by_probability_over_propensity(model, X, psp_order, k):
    order, probabilities = psp_order
    found = model.top_k(X, k=k, objective="psp")
    np.testing.assert_array_equal(found.labels, order[:, :k])
    np.testing.assert_allclose(found.scores, probabilities[:, :k], rtol=1e-6)
    assert (found.labels != model.top_k(X, k=k).labels).any()
    assert model.predict(X, k=k, objective="psp").nnz == POINTS * k


def test_among_some_labels_and_above_a_probability(model, X, psp_order):
    order, probabilities = psp_order
    some = [1, 4, 5, 11, 17]
    found = model.top_k(X, k=3, objective="psp", only_labels=some, min_probability=0.05)
    for row, labels in enumerate(found.labels):
        kept = [(label, p) for label, p in zip(order[row], probabilities[row]) if label in some][:3]
        above = [label for label, p in kept if p >= 0.05]
        assert labels.tolist() == above + [-1] * (3 - len(above))


@pytest.mark.parametrize("only", [None, [1, 4, 5, 11, 17]])
def test_with_a_ranker_the_probabilities_are_those_of_sums(uncalibrated, dataset, X, tmp_path, only):
    """Rankers change the scale of label scores, so that the weights of labels count differently beside them."""
    path = str(tmp_path / "ranked")
    shutil.copytree(uncalibrated, path)
    ranker = rankers.random_ranker(LABELS, FEATURES)
    ranker.weight = 2.5
    claims.add_ranker(path, ranker)
    model, manifest = mach_tf.Ensemble.load(path), DatasetManifest.read(dataset)
    weights = -np.log(propensity.propensities(manifest.label_counts(dataset), manifest.splits["train"].points))
    sums = model.predict(X, k=LABELS, scores="logit").toarray().astype(np.float64)
    values = scipy.special.log_expit((sums - 2.5) / 2.25) + weights
    some = np.arange(LABELS) if only is None else np.array(only)
    order = some[np.argsort(-values[:, some], axis=1, kind="stable")]
    found = model.top_k(X, k=5, objective="psp", only_labels=only, scores="logit")
    np.testing.assert_array_equal(found.labels, order[:, :5])
    np.testing.assert_allclose(found.scores, np.take_along_axis(sums, found.labels, axis=1), rtol=1e-6)
    unscaled = some[np.argsort(-(scipy.special.log_expit(sums) + weights)[:, some], axis=1, kind="stable")]
    assert (unscaled[:, :5] != order[:, :5]).any()


def test_evaluation_ranks_with_the_propensities_of_its_metrics(uncalibrated, dataset):
    plain = mach_tf.evaluate(uncalibrated, dataset, split="train", bootstrap=0, adversarial_loss=False)
    by_default = mach_tf.evaluate(
        uncalibrated, dataset, split="train", bootstrap=0, adversarial_loss=False, objective="psp"
    )
    steep = mach_tf.evaluate(
        uncalibrated, dataset, split="train", bootstrap=0, adversarial_loss=False, objective="psp", propensity_a=3.0
    )
    assert by_default.to_json()["objective"] == "psp" and "objective" not in plain.to_json()
    assert "ranked for the objective psp" in str(by_default) and "objective" not in str(plain)
    assert by_default.metrics not in (plain.metrics, steep.metrics)
    assert by_default.repetition_curve[-1].metrics == by_default.metrics
    points = DatasetReader.open(dataset).read_points("train")
    network = Network.load(uncalibrated)
    decoder = objectives.ranking(network, "psp")
    found = network.decode(points.features(network.manifest.columns), 5, decoder=decoder).labels
    hit = [np.isin(found[row], points.labels(LABELS)[row].indices)[:1].mean() for row in range(len(points))]
    assert by_default.metrics["P@1"] == pytest.approx(100 * np.mean(hit))


@pytest.mark.parametrize("other", [{"attacks": ["fgsm"]}, {"certify": [0.01]}, {"approximate": Approximate()}])
def test_what_ranks_by_label_scores_is_refused(uncalibrated, dataset, other):
    (name,) = other
    with pytest.raises(InputError, match=f"objective=psp must be left out with {name}"):
        mach_tf.evaluate(uncalibrated, dataset, objective="psp", **other)


@pytest.mark.parametrize("estimator", ["mean", "min", "median"])
def test_estimators_of_probabilities_are_refused(model, uncalibrated, dataset, X, estimator):
    message = rf"objective=psp needs the estimator logit_mean.*\(got {estimator}\)"
    with pytest.raises(InputError, match=message):
        model.predict(X, estimator=estimator, objective="psp")
    with pytest.raises(InputError, match=message):
        mach_tf.evaluate(uncalibrated, dataset, objective="psp", estimators=["logit_mean", estimator])


def test_unknown_objectives_are_refused(model, X):
    with pytest.raises(InputError, match=r"objective must be .*precision.*psp.*got 'PSP'"):
        model.predict(X, objective="PSP")


def test_a_model_of_an_earlier_version_is_evaluated_but_does_not_predict(
    uncalibrated, dataset, X, tmp_path, monkeypatch
):
    manifest = ModelManifest.read(uncalibrated)
    monkeypatch.setattr(
        ModelManifest,
        "read",
        classmethod(lambda cls, _: dataclasses.replace(manifest, files_sha256={}, training_points=0)),
    )
    old = mach_tf.Ensemble.load(uncalibrated)
    with pytest.raises(
        InputError, match=r"needs the training frequencies of the labels.*Run the training's command again"
    ):
        old.predict(X, objective="psp")
    assert mach_tf.evaluate(old, dataset, split="train", bootstrap=0, objective="psp").metrics["PSP@1"] > 0


def test_files_keep_the_order(model, X, psp_order, tmp_path):
    source, target = tmp_path / "points.txt", tmp_path / "top.jsonl"
    rows = [" ".join(f"{i}:{float(v)!r}" for i, v in enumerate(row) if v) for row in X]
    source.write_text(f"{POINTS} {FEATURES} {LABELS}\n" + "".join(f" {row}\n" for row in rows))
    predict_file(model, str(source), str(target), k=4, objective="psp")
    found = [[each["label"] for each in json.loads(line)["labels"]] for line in target.read_text().splitlines()]
    assert found == psp_order[0][:, :4].tolist()
    with pytest.raises(InputError, match=r"objective=psp needs format='jsonl' or format='tsv'"):
        predict_file(model, str(source), str(tmp_path / "top.txt"), k=4, objective="psp")


def test_rare_labels_count_by_the_line_that_was_fitted_for_them(uncalibrated, dataset, X, tmp_path):
    path = str(tmp_path / "calibrated")
    shutil.copytree(uncalibrated, path)
    manifest = DatasetManifest.read(dataset)
    counts, repetitions = manifest.label_counts(dataset), len(mach_tf.Ensemble.load(uncalibrated).repetitions)
    found = {}
    for power in (0.0, 0.8):
        claims.add_calibration(path, Calibration(0.5, 1.5, 9, repetitions, "", FrequencyLine(-1.0, 0.8, power)))
        model = mach_tf.Ensemble.load(path)
        assert model.logit_scale == (0.5, 1.5), "that of the probabilities stays"
        logits = model.predict(X, k=LABELS, scores="logit").toarray().astype(np.float64)
        values = scipy.special.log_expit((logits + 1) / 0.8) + power * np.log(np.maximum(counts, 1))
        values -= np.log(propensity.propensities(counts, manifest.splits["train"].points))
        found[power] = model.top_k(X, k=5, objective="psp").labels
        np.testing.assert_array_equal(found[power], np.argsort(-values, axis=1, kind="stable")[:, :5])
    assert (found[0.0] != found[0.8]).any()


def test_the_line_of_the_probabilities_counts(model):
    ranked = objectives.ranking(model, "psp")
    assert (ranked.utility.shift, ranked.utility.scale) == model.logit_scale
    assert objectives.ranking(model, "psp") is ranked  # made once
