"""The signatures `attack` and `attack_text`, against the library's attack of the same points."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import points
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.input_gradient import NonzeroInput, forward_pass, value_gradient
from mach_tf.classifier import SparseBatch
from mach_tf.ensemble import Ensemble
from mach_tf.serving.attack_servable import AttackServable
from mach_tf.serving.stored_ranker import StoredRanker
from tests.mach_tf.serving.test_fgsm_attack import padded
from tests.mach_tf.serving.test_servable import arrays, pruned, ranked_model, stored

EPSILON = 0.05


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module")
def raw(evaluated):
    """Points that all have labels."""
    return points.from_csr(*evaluated.test)[np.flatnonzero(np.diff(evaluated.test[1].indptr))]


def make(model, estimator="logit_mean", ranker=None, **options):
    names = [f"label-{label}" for label in range(model.labels)]
    features = [f"feature-{feature}" for feature in range(model.manifest.features)]
    return AttackServable(*stored(model, **options), estimator, names, features, reasons=4, ranker=ranker)


@pytest.fixture(scope="module", params=["logit_mean", "mean"])
def by_estimator(request, model):
    return request.param, make(model, request.param).signatures()["attack"]


def given(raw, k, epsilon=EPSILON, true_labels=None):
    n = len(raw)
    labels = np.full((n, 1), -1) if true_labels is None else true_labels
    attack = {"epsilon": tf.fill([n], tf.constant(epsilon)), "true_labels": tf.constant(labels, tf.int64)}
    return {**arrays(raw, k), **attack}


def test_answers_are_those_of_the_library(model, raw, by_estimator):
    estimator, attack = by_estimator
    hashed = model.manifest.feature_spec.apply(raw)
    true_labels, _ = padded(hashed)
    found = {name: each.numpy() for name, each in attack(**given(raw, 5, EPSILON, true_labels)).items()}
    clean, attacked = AttackRun(model, Attack("fgsm"), 5, estimator).outcomes(hashed, [0.0, EPSILON])
    for prefix, outcome in (("", clean), ("attacked_", attacked)):
        np.testing.assert_array_equal(found[f"{prefix}labels"], outcome.top_labels)
        np.testing.assert_allclose(found[f"{prefix}loss"], outcome.losses, rtol=1e-5)
    np.testing.assert_allclose(found["relative_norm"], attacked.relative_norms, rtol=1e-5)
    assert (clean.top_labels != attacked.top_labels).any()
    assert found["attacked_label_names"][0, 0].decode() == f"label-{attacked.top_labels[0, 0]}"


def test_without_entries_the_attack_is_that_of_a_library_without_them(evaluated, model, raw):
    without = Ensemble.load(evaluated.model_dir)
    attack = make(model, **pruned(without, 0.5)).signatures()["attack"]
    hashed = without.manifest.feature_spec.apply(raw)
    found = attack(**given(raw, 5, EPSILON, padded(hashed)[0]))
    (expected,) = AttackRun(without, Attack("fgsm"), 5, "logit_mean").outcomes(hashed, [EPSILON])
    (whole,) = AttackRun(model, Attack("fgsm"), 5, "logit_mean").outcomes(hashed, [EPSILON])
    np.testing.assert_array_equal(found["attacked_labels"], expected.top_labels)
    np.testing.assert_allclose(found["attacked_loss"], expected.losses, rtol=1e-5)
    assert (np.abs(expected.losses / whole.losses - 1) > 1e-3).any()


def test_the_ranker_is_attacked_too(evaluated, raw):
    model = ranked_model(evaluated.model_dir)
    hashed = model.manifest.feature_spec.apply(raw)
    weights, labels = model.ranker.weights, hashed.labels(model.labels).toarray()
    attack = make(model, ranker=StoredRanker(model.ranker)).signatures()["attack"]
    true_labels, _ = padded(hashed)
    found = {name: each.numpy() for name, each in attack(**given(raw, model.labels, EPSILON, true_labels)).items()}
    inputs = NonzeroInput(hashed, model.manifest.columns)
    passed = forward_pass(model.repetitions, inputs, inputs.clean)
    clean = hashed.features(model.manifest.columns)
    scores = np.mean([passed.logits[:, r, row] for r, row in enumerate(model.bucket_table)], axis=0)
    scores = scores + model.ranker.added(clean).toarray()
    scale = 1 + model.ranker.weight / 2
    scores = (scores - model.ranker.weight) / scale
    slopes = (1 / (1 + np.exp(-scores)) - labels) / model.labels / scale
    of_logits = np.zeros(passed.logits.shape, np.float32)
    for r, row in enumerate(model.bucket_table):
        np.add.at(of_logits[:, r], (slice(None), row), slopes / len(model.bucket_table))
    through = (slopes * ((clean @ weights.T).toarray() > 0)) @ weights
    rows = np.repeat(np.arange(len(raw)), np.diff(hashed.row_splits))
    gradient = value_gradient(model.repetitions, inputs, passed, of_logits) + through[rows, hashed.feature_ids]
    attacked = clean.copy()
    attacked.data = clean.data + np.float32(EPSILON) * np.sign(gradient, dtype=np.float32)
    for prefix, features in (("", clean), ("attacked_", attacked)):
        expected = model.decode(features, model.labels)
        np.testing.assert_array_equal(found[f"{prefix}labels"], expected.labels)
        np.testing.assert_allclose(found[f"{prefix}scores"], expected.scores, rtol=1e-6)
    np.testing.assert_allclose(found["loss"], (np.logaddexp(0, scores) - labels * scores).mean(axis=1), rtol=1e-5)
    for point in range(len(raw)):
        before = dict(zip(found["labels"][point], found["scores"][point]))
        after = dict(zip(found["attacked_labels"][point], found["attacked_scores"][point]))
        assert dict(zip(found["labels"][point], found["scores_after"][point])) == after
        assert dict(zip(found["attacked_labels"][point], found["scores_before"][point])) == before


def test_the_loss_of_ensemble_attack(model, raw, evaluated, by_estimator):
    estimator, attack = by_estimator
    rows = np.flatnonzero(np.diff(evaluated.test[1].indptr))
    X, Y = evaluated.test[0][rows], evaluated.test[1][rows]
    (entry,) = model.attack(X, Y, EPSILON, estimator=estimator)
    true_labels, _ = padded(model.manifest.feature_spec.apply(raw))
    found = attack(**given(raw, 5, EPSILON, true_labels))
    assert float(tf.reduce_mean(found["attacked_loss"])) == pytest.approx(entry.loss, rel=1e-5)


def test_the_scores_before_and_after_are_those_of_the_same_label(model, raw, by_estimator):
    _, attack = by_estimator
    found = {name: each.numpy() for name, each in attack(**given(raw, model.labels)).items()}
    for point in range(len(raw)):
        for what in ("scores", "probabilities"):
            before = dict(zip(found["labels"][point], found[what][point]))
            after = dict(zip(found["attacked_labels"][point], found[f"attacked_{what}"][point]))
            assert dict(zip(found["labels"][point], found[f"{what}_after"][point])) == after
            assert dict(zip(found["attacked_labels"][point], found[f"{what}_before"][point])) == before


def test_epsilon_zero_changes_nothing(raw, by_estimator):
    _, attack = by_estimator
    found = attack(**given(raw, 3, 0.0))
    for name in ("labels", "label_names", "scores", "probabilities", "loss"):
        np.testing.assert_array_equal(found[name], found[f"attacked_{name}"])
    assert not found["relative_norm"].numpy().any() and not found["moves"].numpy().any()


def test_moves_are_of_present_features(by_estimator, raw):
    found = by_estimator[1](**given(raw, 3))
    features, moves, names = (found[name].numpy() for name in ("moved_features", "moves", "moved_feature_names"))
    for point in range(len(raw)):
        present = raw.feature_ids[raw.row_splits[point] : raw.row_splits[point + 1]]
        shown = min(4, len(present))
        assert set(features[point, :shown]) <= set(present)
        assert (features[point, shown:] == -1).all() and not moves[point, shown:].any()
        assert set(np.abs(moves[point, :shown])) <= {np.float32(EPSILON), 0}
        assert [name.decode() for name in names[point]] == [f"feature-{i}" if i >= 0 else "" for i in features[point]]


def test_rounded_weights_are_attacked_too(model, raw):
    few, losses = raw[:3], []
    for options in ({}, {"precision": "int8"}):
        inputs = SparseBatch(*map(tf.constant, (few.row_splits, few.feature_ids, few.feature_values)))
        none = tf.fill([3, 1], tf.constant(-1, tf.int64))
        losses.append(
            make(model, **options).attack(inputs, tf.constant(5), tf.fill([3], EPSILON), none)["attacked_loss"]
        )
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": [-0.1]}, r"point 0: epsilon must be finite and at least 0 \(got -0.1\)"),
        ({"epsilon": [np.nan]}, "point 0: epsilon must be finite"),
        ({"epsilon": [0.1, 0.1]}, r"epsilon and true_labels must have one row per point \(got \[2 1\]\)"),
        ({"true_labels": [[3, 30]]}, r"point 0: true_labels must be in \[0, 30\), or -1 \(got 30\)"),
        ({"true_labels": [[-2]]}, r"point 0: true_labels must be in \[0, 30\), or -1 \(got -2\)"),
    ],
)
def test_malformed_attacks_are_refused(model, by_estimator, change, message):
    inputs = {"row_splits": [0, 1], "feature_ids": [3], "feature_values": [1.0], "k": 2}
    inputs.update({"epsilon": [0.1], "true_labels": [[-1]], **change})
    kinds = {"k": tf.int32, "feature_values": tf.float32, "epsilon": tf.float32}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        by_estimator[1](**{name: tf.constant(each, kinds.get(name, tf.int64)) for name, each in inputs.items()})


def test_no_points_have_no_answers(by_estimator, raw):
    found = by_estimator[1](**given(raw[:0], 3))
    assert {name: each.shape.as_list() for name, each in found.items() if each.shape[0] != 0} == {}
