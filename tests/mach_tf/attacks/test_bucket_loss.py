"""The paper's losses against Keras' own and a tape through each repetition."""

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.attacks import attack_chunks, bucket_loss
from mach_tf.choices import SUPPORTS
from mach_tf.ensemble import Ensemble
from tests.helpers import model_directory
from tests.helpers.tiny_ensemble import all_logits, first_labels, make_ensemble


def bucket_targets(ensemble, points):
    """[n, R, B], by a loop."""
    targets = np.zeros((len(points), 3, 6))
    for point, labels in enumerate(points.labels(25).toarray()):
        for repetition in range(3):
            targets[point, repetition, ensemble.bucket_table[repetition, labels > 0]] = 1
    return targets


def oracle(ensemble, points, epsilon, support):
    """Both losses of each point, with a dense network, Keras' loss and one tape a repetition."""
    dense, targets = points.features(20).toarray(), bucket_targets(ensemble, points)
    allowed = np.ones_like(dense) if support == "dense" else dense != 0
    losses = np.zeros((2, 3, len(points)))
    for index, repetition in enumerate(ensemble.repetitions):
        w1, b1, w2, b2 = repetition.weights

        def loss(x, repetition=repetition, index=index, w1=w1, b1=b1, w2=w2, b2=b2):
            logits = tf.nn.relu(x @ w1 + b1) @ w2 + b2
            if repetition.multiclass:
                return tf.keras.losses.categorical_crossentropy(targets[:, index], logits, from_logits=True)
            return tf.keras.losses.binary_crossentropy(targets[:, index], logits, from_logits=True)

        x = tf.constant(dense)
        with tf.GradientTape() as tape:
            tape.watch(x)
            clean = loss(x)
        step = np.sign(tape.gradient(clean, x).numpy()) * allowed
        losses[:, index] = clean, loss(x + epsilon * step.astype(np.float32))
    return losses.mean(axis=1)


@pytest.mark.parametrize("support", SUPPORTS)
def test_agrees_with_keras(ensemble, points, support):
    losses = bucket_loss.bucket_losses(ensemble, points, [0.01, 0.0, 0.3], support)
    for ours, epsilon in zip(losses, [0.01, 0.0, 0.3]):
        clean, adversarial = oracle(ensemble, points, epsilon, support)
        np.testing.assert_allclose(ours, adversarial if epsilon else clean, rtol=1e-5)
    assert losses[1].mean() < losses[0].mean() < losses[2].mean()


def test_chunks_change_nothing(ensemble, points, monkeypatch):
    expected = bucket_loss.bucket_losses(ensemble, points, [0.0, 0.1])
    monkeypatch.setattr(attack_chunks, "_MAX_POINTS", 8)
    np.testing.assert_allclose(bucket_loss.bucket_losses(ensemble, points, [0.0, 0.1]), expected, rtol=1e-5)


def test_clean_loss_of_given_logits(ensemble, points):
    logits = np.stack(all_logits(ensemble, points.features(20).toarray()), axis=1).astype(np.float32)
    expected = np.mean(
        tf.nn.sigmoid_cross_entropy_with_logits(bucket_targets(ensemble, points).astype(np.float32), logits),
        axis=(1, 2),
    )
    losses = bucket_loss.bucket_cross_entropy(logits, ensemble.bucket_table, points)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_extreme_logits_stay_finite(points, ensemble):
    losses = bucket_loss.bucket_cross_entropy(np.full((30, 3, 6), 1e4, np.float32), ensemble.bucket_table, points)
    assert np.isfinite(losses).all()


def test_streamed_repetitions_give_the_same_losses(tmp_path, points):
    model_directory.write(str(tmp_path), features=20, labels=25, columns=20)
    kept, streamed = (
        bucket_loss.bucket_losses(Ensemble.load(str(tmp_path), keep=keep), points, [0.0, 0.1]) for keep in (True, False)
    )
    np.testing.assert_allclose(streamed, kept, rtol=1e-6)
    assert kept[1].mean() > kept[0].mean()


@pytest.mark.parametrize("support", SUPPORTS)
def test_a_softmax_agrees_with_keras(points, support):
    ensemble, one = make_ensemble(multiclass=True), first_labels(points)
    losses = bucket_loss.bucket_losses(ensemble, one, [0.0, 0.1], support)
    clean, adversarial = oracle(ensemble, one, 0.1, support)
    np.testing.assert_allclose(losses, [clean, adversarial], rtol=1e-4)
