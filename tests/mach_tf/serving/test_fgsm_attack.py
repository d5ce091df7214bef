"""The parts of the attack in the graph, against the library's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import points
from mach_tf.attacks import label_loss
from mach_tf.attacks.input_gradient import NonzeroInput, bucket_logits, forward_pass, value_gradient
from mach_tf.classifier import SparseBatch
from mach_tf.ensemble import Ensemble
from mach_tf.ranker.ranker import Ranker
from mach_tf.serving import fgsm_attack
from mach_tf.serving.raw_features import HashedPoints
from mach_tf.serving.stored_ranker import StoredRanker
from mach_tf.serving.stored_weights import StoredWeights


@pytest.fixture(scope="module")
def model(evaluated):
    return Ensemble.load(evaluated.model_dir)


@pytest.fixture(scope="module")
def hashed(model, evaluated):
    """Hashed points with labels; two of them are empty or have none."""
    raw = points.from_csr(*evaluated.test)
    return model.manifest.feature_spec.apply(raw)


def padded(hashed, width=9):
    """The labels of points as the graph takes them, and the points that have any."""
    rows = [hashed.label_ids[begin:end] for begin, end in zip(hashed.label_splits[:-1], hashed.label_splits[1:])]
    return np.array([[*row, *[-1] * (width - len(row))] for row in rows], np.int64), [
        i for i, row in enumerate(rows) if len(row)
    ]


RANKER_WEIGHT = 1.5


def random_ranker(model):
    weights = scipy.sparse.random(model.labels, model.manifest.columns, 0.3, "csr", np.float32, random_state=0)
    weights.data = 20 * weights.data - np.float32(9)
    return Ranker(weights, RANKER_WEIGHT)


def losses_of(points, means, weights, truth):
    scores = (means + np.maximum(points @ weights.T, 0) - RANKER_WEIGHT) / (1 + RANKER_WEIGHT / 2)
    return (np.logaddexp(0, scores) - truth * scores).mean(axis=1)


def batch_of(hashed):
    return SparseBatch(*map(tf.constant, (hashed.row_splits, hashed.feature_ids, hashed.feature_values)))


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_the_loss_and_its_gradient_are_those_of_the_library(model, hashed, estimator):
    inputs = NonzeroInput(hashed, model.manifest.columns)
    # Scaled, so that some scores are all but 0 or 1.
    logits = bucket_logits(model.repetitions, inputs, inputs.clean) * np.float32(3)
    losses, gradients = label_loss.label_loss(logits, model.bucket_table, hashed, estimator)
    given, rows = padded(hashed)
    ours = tf.constant(logits.transpose(1, 0, 2))
    batch = batch_of(hashed)
    loss = fgsm_attack.LabelLoss(tf.constant(model.bucket_table), estimator, ours, batch, tf.constant(given))
    # The library's means of logits are float32.
    tolerance = 3e-7 if estimator == "logit_mean" else 1e-9
    np.testing.assert_allclose(loss.losses().numpy()[rows], losses[rows], rtol=tolerance)
    found, of_logits, of_values = loss.losses_and_gradients()
    np.testing.assert_array_equal(found, loss.losses())
    np.testing.assert_allclose(of_logits.numpy().transpose(1, 0, 2)[rows], gradients[rows], rtol=1e-4, atol=1e-9)
    np.testing.assert_array_equal(of_values, np.zeros(len(hashed.feature_ids)))


def test_the_ranker_adds_to_scores_their_loss_and_its_gradient(model, hashed):
    weights = random_ranker(model).weights.toarray().astype(np.float64)
    logits = bucket_logits(model.repetitions, (inputs := NonzeroInput(hashed, model.manifest.columns)), inputs.clean)
    ours, batch = tf.constant(logits.transpose(1, 0, 2)), batch_of(hashed)
    given, _ = padded(hashed)
    table = tf.constant(model.bucket_table)
    loss = fgsm_attack.LabelLoss(
        table, "logit_mean", ours, batch, tf.constant(given), StoredRanker(random_ranker(model))
    )
    means = np.mean([logits[:, r, row] for r, row in enumerate(model.bucket_table)], axis=0, dtype=np.float64)
    clean = hashed.features(model.manifest.columns).toarray().astype(np.float64)

    # The first point has no labels: those are true that are predicted, by the ranker too.
    scores = means + np.maximum(clean @ weights.T, 0)
    named = hashed.labels(model.labels).toarray()
    best = scores == scores.max(axis=1, keepdims=True)
    truth = np.where(named.any(axis=1, keepdims=True), named, (scores >= RANKER_WEIGHT) | best)
    np.testing.assert_allclose(loss.losses(), losses_of(clean, means, weights, truth), rtol=1e-6)
    _, _, of_values = loss.losses_and_gradients()
    rows, step = np.repeat(np.arange(len(hashed)), np.diff(hashed.row_splits)), 1e-6
    expected = []
    for row, column in zip(rows, hashed.feature_ids):
        moved = np.stack([clean[row], clean[row]])
        moved[:, column] += [step, -step]
        above, below = losses_of(moved, means[row], weights, truth[row])
        expected.append((above - below) / (2 * step))
    np.testing.assert_allclose(of_values, expected, rtol=1e-3, atol=1e-6)
    assert np.count_nonzero(expected) > 10


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_a_point_without_labels_has_those_that_are_predicted(model, hashed, estimator):
    inputs = NonzeroInput(hashed, model.manifest.columns)
    logits = bucket_logits(model.repetitions, inputs, inputs.clean) + np.float32(1)
    ours, table = tf.constant(logits.transpose(1, 0, 2)), tf.constant(model.bucket_table)
    top = model.decoder.top_k(
        logits if estimator == "logit_mean" else 1 / (1 + np.exp(-logits)), model.labels, estimator
    )
    chances = fgsm_attack.ranking.probabilities(top[1], estimator, model.manifest.bucket_spec.buckets).numpy()
    likely = np.where((chances >= 0.5) | (np.arange(model.labels) == 0), top[0], -1).astype(np.int64)
    assert (likely >= 0).sum(axis=1).max() > 1
    right, found = (
        fgsm_attack.LabelLoss(table, estimator, ours, batch_of(hashed), tf.constant(labels))
        for labels in (likely, np.full((len(hashed), 1), -1))
    )
    other = ours - 2  # where fewer labels are likely
    at = other, tf.constant(hashed.feature_values)
    np.testing.assert_array_equal(found.losses(at), right.losses(at))
    np.testing.assert_array_equal(found.losses_and_gradients(at)[1], right.losses_and_gradients(at)[1])


@pytest.mark.parametrize("count", [25, 1, 0])
def test_the_gradient_for_the_values_is_that_of_the_library(model, hashed, count):
    hashed = hashed[:count]
    inputs = NonzeroInput(hashed, model.manifest.columns)
    shape = len(hashed), len(model.repetitions), model.manifest.bucket_spec.buckets
    of_logits = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = forward_pass(model.repetitions, inputs, inputs.clean)
    expected = value_gradient(model.repetitions, inputs, found, of_logits)
    weights = [StoredWeights(repetition.weights) for repetition in model.repetitions]
    batch = batch_of(hashed)
    hidden = [one.hidden_input(batch) for one in weights]
    found = fgsm_attack.value_gradient(weights, hidden, batch, tf.constant(of_logits.transpose(1, 0, 2)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_raw_features_are_strengthened_in_their_direction():
    raw = SparseBatch(*map(tf.constant, (np.array([0, 3, 3, 5]), np.array([4, 5, 9, 4, 6]), np.ones(5, np.float32))))
    # Features 4 and 5 share column 2; 6 and another cancel, so that column 1 of the last point is not there.
    batch = SparseBatch(*map(tf.constant, (np.array([0, 2, 2, 3]), np.array([2, 7, 2]), np.ones(3, np.float32))))
    hashed = HashedPoints(batch, tf.constant([2, 2, 7, 2, 1], tf.int64), tf.constant([1.0, -1, 1, -0.5, 1], tf.float64))
    found = fgsm_attack.strengthening(raw, hashed, tf.constant([3.0, -4.0, 5.0]))
    assert found.numpy().tolist() == [3, -3, -4, -5, 0]


def test_norms_are_relative_to_those_of_the_points():
    batch = SparseBatch(*map(tf.constant, (np.array([0, 2, 2]), np.array([2, 7]), np.array([3, 4], np.float32))))
    step = fgsm_attack.moved(batch, tf.constant([2.0, -1e-9]), tf.constant([0.5, 9.0]))
    assert step.feature_values.numpy().tolist() == [3.5, 3.5]
    np.testing.assert_allclose(fgsm_attack.relative_norms(batch, step), [0.5**0.5 / 5, 0], rtol=1e-6)


def test_points_are_joined():
    one = SparseBatch(*map(tf.constant, (np.array([0, 2, 2]), np.array([2, 7]), np.array([3, 4], np.float32))))
    none = SparseBatch(*map(tf.constant, (np.array([0]), np.zeros(0, np.int64), np.zeros(0, np.float32))))
    for first, second in ((one, none), (none, one)):
        for part, expected in zip(fgsm_attack.joined(first, second), one):
            np.testing.assert_array_equal(part, expected)
    splits, ids, values = fgsm_attack.joined(one, one._replace(feature_values=tf.constant([5.0, 6.0])))
    assert (splits.numpy().tolist(), ids.numpy().tolist()) == ([0, 2, 2, 4, 4], [2, 7, 2, 7])
    assert values.numpy().tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_scores_of_chosen_labels_are_those_that_rank_them(model, hashed, estimator):
    inputs = NonzeroInput(hashed, model.manifest.columns)
    logits = bucket_logits(model.repetitions, inputs, inputs.clean)
    values = fgsm_attack.ranking.bucket_scores(tf.constant(logits), estimator).numpy()
    labels, scores = model.decoder.top_k(values, 4, estimator)[:2]
    found = fgsm_attack.scores_of(
        tf.constant(logits.transpose(1, 0, 2)),
        tf.constant(model.bucket_table),
        tf.constant(labels, tf.int64),
        estimator,
    )
    np.testing.assert_array_equal(found, scores)
