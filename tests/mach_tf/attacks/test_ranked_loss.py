"""The loss with what a ranker adds, and its gradient, against TensorFlow's of all label scores at once."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.attacks import ranked_loss
from mach_tf.attacks.input_gradient import attack_input, forward_pass, value_gradient
from mach_tf.attacks.label_loss import label_loss
from mach_tf.choices import SUPPORTS
from mach_tf.decoding import added_scores


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


@pytest.mark.parametrize(("kind", "estimator"), [("ensemble", "logit_mean"), ("ranked", "mean")])
def test_without_a_ranker_it_is_the_label_loss(request, points, kind, estimator):
    ensemble = request.getfixturevalue(kind)
    inputs, found, part = _of(ensemble, points, "nonzero", estimator)
    ours = ranked_loss.ranked_loss(part, inputs, found.logits, ensemble.bucket_table, estimator)
    losses, of_logits = label_loss(found.logits, ensemble.bucket_table, points, estimator)
    np.testing.assert_array_equal(ours.losses, losses)
    gradient = value_gradient(ensemble.repetitions, inputs, found, of_logits)
    np.testing.assert_array_equal(gradient + ours.through_ranker, gradient)
