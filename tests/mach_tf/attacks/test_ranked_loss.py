"""The loss with what a ranker adds, and its gradient, against TensorFlow's; attacks on models with a ranker against brute force."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.attacks import attack_run, ranked_loss
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack, fgsm_step
from mach_tf.attacks.input_gradient import attack_input, forward_pass, value_gradient
from mach_tf.attacks.label_loss import label_loss
from mach_tf.choices import SUPPORTS
from mach_tf.decoding import added_scores
from mach_tf.ensemble import Ensemble
from mach_tf.points import from_csr
from mach_tf.ranker.ranker import Ranker
from tests.helpers import model_directory, rankers
from tests.helpers.tiny_ensemble import label_scores, make_ensemble


def _of(ensemble, points, support, estimator="logit_mean"):
    inputs = attack_input(points, 20, support)
    found = forward_pass(ensemble.repetitions, inputs, inputs.clean)
    part = ranked_loss.added_part(ensemble, estimator, inputs, inputs.clean)
    return inputs, found, part


@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize("entries", [1, 1 << 22])
def test_agrees_with_tensorflow(ranked, points, support, entries, monkeypatch):
    monkeypatch.setattr(added_scores, "_ENTRIES", entries)  # 1: point by point
    inputs, found, part = _of(ranked, points, support)
    ours = ranked_loss.ranked_loss(part, inputs, found.logits, ranked.bucket_table, "logit_mean")
    x, logits = tf.constant(points.features(20).toarray(), tf.float64), tf.constant(found.logits, tf.float64)
    weights = tf.constant(ranked.ranker_of("logit_mean").weights.toarray(), tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, logits])
        picked = [tf.gather(logits[:, r], row, axis=1) for r, row in enumerate(ranked.bucket_table)]
        scores = tf.add_n(picked) / len(picked) + tf.nn.relu(tf.matmul(x, weights, transpose_b=True))
        truth = tf.constant(points.labels(25).toarray(), tf.float64)
        losses = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, scores), axis=1)
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-5)
    np.testing.assert_allclose(ours.of_logits, tape.gradient(losses, logits), atol=1e-7)
    through = tape.gradient(losses, x).numpy()
    if support == "nonzero":
        through = through[points.rows(), points.feature_ids]
    np.testing.assert_allclose(ours.through_ranker, through, atol=1e-6)
    assert np.abs(through).max() > 0.01
    alone = ranked_loss.ranked_loss(part, inputs, found.logits, ranked.bucket_table, "logit_mean", gradient=False)
    np.testing.assert_array_equal(alone.losses, ours.losses)


def test_what_is_changed_is_gone_from_the_loss(points):
    """All labels are true by what the ranker adds, so that losses are far smaller than those of the bucket logits."""
    points = points[np.flatnonzero(np.diff(points.row_splits))]
    features = points.features(20)
    points = from_csr(features, scipy.sparse.csr_matrix(np.ones((len(points), 25))))
    ranked = make_ensemble(ranked=True)
    weights = np.random.default_rng(2).uniform(10, 20, (25, 20)).astype(np.float32)
    ranked.ranker_of = lambda estimator: Ranker(scipy.sparse.csr_matrix(weights))
    inputs, found, part = _of(ranked, points, "nonzero")
    losses = ranked_loss.ranked_loss(part, inputs, found.logits, ranked.bucket_table, "logit_mean").losses
    scores = label_scores(ranked, features.toarray()).astype(np.float64)
    assert scores.min() > 5
    expected = np.log1p(np.exp(-scores)).mean(axis=1)
    alone, _ = label_loss(found.logits, ranked.bucket_table, points, "logit_mean")
    assert (expected < 1e-3 * alone).all()
    np.testing.assert_allclose(losses, expected, rtol=1e-3, atol=1e-13)


@pytest.mark.parametrize(("kind", "estimator"), [("ensemble", "logit_mean"), ("ranked", "mean")])
def test_without_a_ranker_it_is_the_label_loss(request, points, kind, estimator):
    ensemble = request.getfixturevalue(kind)
    inputs, found, part = _of(ensemble, points, "nonzero", estimator)
    ours = ranked_loss.ranked_loss(part, inputs, found.logits, ensemble.bucket_table, estimator)
    losses, of_logits = label_loss(found.logits, ensemble.bucket_table, points, estimator)
    np.testing.assert_array_equal(ours.losses, losses)
    gradient = value_gradient(ensemble.repetitions, inputs, found, of_logits)
    np.testing.assert_array_equal(gradient + ours.through_ranker, gradient)


@pytest.mark.parametrize("support", SUPPORTS)
@pytest.mark.parametrize("transferred", [False, True])
@pytest.mark.parametrize("method", ["fgsm", "pgd", "apgd", "square", "push_out"])
def test_predictions_and_losses_are_those_of_ensemble_and_ranker(points, ranked, method, transferred, support):
    source = make_ensemble(seed=3, ranked=True) if transferred else None
    seen = []
    attack = Attack.named(method, support=support, steps=3, queries=5)
    original = attack_run.ranked_loss

    def spy(part, *arguments):
        seen.append(part.features.toarray())
        return original(part, *arguments)

    with mock.patch.object(attack_run, "ranked_loss", spy):
        outcomes = AttackRun(ranked, attack, k=3, source=source).outcomes(points, [0.0, 0.02, 0.2])
    for outcome, dense in zip(outcomes, seen):
        scores = label_scores(ranked, dense)
        np.testing.assert_array_equal(outcome.top_labels, np.argsort(-scores, axis=1, kind="stable")[:, :3])
        truth = points.labels(25).toarray()
        np.testing.assert_allclose(outcome.losses, (np.logaddexp(0, scores) - truth * scores).mean(axis=1), rtol=1e-4)
    assert (np.abs(seen[2] - seen[0]) > 0.1).any()


def test_attacks_of_a_model_with_a_ranker_predict_what_the_model_predicts(tmp_path):
    model_directory.write(str(tmp_path))
    model = Ensemble.load(rankers.with_ranker(str(tmp_path), f"{tmp_path}-ranked", 30, 40))
    features = scipy.sparse.random(8, 60, 0.2, "csr", random_state=1)
    labels = scipy.sparse.random(8, 30, 0.2, "csr", random_state=2)
    hashed = model.manifest.feature_spec.apply(from_csr(features, labels))
    decoded = model.decode(hashed.features(40), 3).labels
    moved = fgsm_step(model, hashed, "logit_mean", 0.05)
    clean, attacked = AttackRun(model, Attack(), k=3).outcomes(hashed, [0.0, 0.05])
    np.testing.assert_array_equal(clean.top_labels, decoded)
    np.testing.assert_array_equal(attacked.top_labels, model.decode(moved.features(40), 3).labels)
    alone = Ensemble.load(model.model_dir, ranker=False)
    assert (decoded != alone.decode(hashed.features(40), 3).labels).any()
    excluded = scipy.sparse.csr_matrix((np.ones(8), decoded[:, 0], np.arange(9)), (8, 30))
    without = AttackRun(model, Attack(), k=2, excluded=excluded).outcomes(hashed, [0.0])[0]
    np.testing.assert_array_equal(without.top_labels, decoded[:, 1:])
