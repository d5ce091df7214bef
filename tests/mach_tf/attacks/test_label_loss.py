"""The label-space loss and its gradient against TensorFlow's, with all label scores made at once."""

import numba
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.attacks import label_loss
from mach_tf.buckets import BucketSpec
from mach_tf.points import from_csr


def make_case(points, repetitions, buckets, labels, seed=0, scale=2.0):
    rng = np.random.default_rng(seed)
    logits = (scale * rng.standard_normal((points, repetitions, buckets)) - 1).astype(np.float32)
    truth = scipy.sparse.csr_matrix(rng.random((points, labels)) < 0.1, dtype=np.float32)
    table = BucketSpec(buckets, repetitions, seed=seed).table(labels)
    return logits, table, from_csr(scipy.sparse.csr_matrix((points, 1)), truth), truth.toarray()


def oracle(logits, table, truth, estimator):
    """Losses and gradients by a dense [n, K] computation in float64."""
    variable = tf.constant(logits, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        values = variable if estimator == "logit_mean" else tf.sigmoid(variable)
        scores = tf.add_n([tf.gather(values[:, r], table[r], axis=1) for r in range(len(table))]) / len(table)
        if estimator == "logit_mean":
            losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.constant(truth, tf.float64), scores)
        else:
            losses = -tf.where(truth > 0, tf.math.log(scores), tf.math.log(1 - scores))
        loss = tf.reduce_mean(losses, axis=1)
    return loss.numpy(), tape.gradient(loss, variable).numpy()


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize(
    "shape", [(3, 1, 5, 40), (7, 4, 8, 30), (2, 3, 16, 2500), (3, 9, 12, 9000), (5, 2, 50, 20), (0, 2, 4, 8)]
)
def test_agrees_with_tensorflow(estimator, shape):
    logits, table, points, truth = make_case(*shape)
    losses, gradients = label_loss.label_loss(logits, table, points, estimator)
    expected_losses, expected_gradients = oracle(logits, table, truth, estimator)
    # Means of logits are float32, means of probabilities float64.
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-7 if estimator == "logit_mean" else 1e-12, atol=1e-14)
    # The largest derivative sets the scale; float32 holds seven digits of it.
    np.testing.assert_allclose(gradients, expected_gradients, rtol=3e-7, atol=5e-8)


@pytest.mark.parametrize("estimator", ["min", "median"])
def test_the_others_are_attacked_through_the_mean(estimator):
    logits, table, points, _ = make_case(3, 4, 8, 30)
    ours, mean = (label_loss.label_loss(logits, table, points, name) for name in (estimator, "mean"))
    np.testing.assert_array_equal(ours[1], mean[1])


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_extreme_logits_stay_finite(estimator):
    logits, table, points, _ = make_case(4, 3, 6, 20, scale=300)
    losses, gradients = label_loss.label_loss(logits, table, points, estimator)
    assert np.isfinite(losses).all()
    assert np.isfinite(gradients).all()


def test_two_repetitions_by_hand():
    # Label 0 is in buckets 0 and 1; label 1 in 1 and 1. Label 0 is true.
    logits = np.array([[[0.5, -1.0], [2.0, 0.5]]], np.float32)
    points = from_csr(scipy.sparse.csr_matrix((1, 1)), scipy.sparse.csr_matrix(np.array([[1.0, 0.0]])))
    losses, gradients = label_loss.label_loss(logits, np.array([[0, 1], [1, 1]], np.int32), points)
    sigmoid = 1 / (1 + np.exp(-np.array([0.5, -0.25])))
    assert losses[0] == pytest.approx(-(np.log(sigmoid[0]) + np.log(1 - sigmoid[1])) / 2, rel=1e-7)
    first, second = (sigmoid[0] - 1) / 4, sigmoid[1] / 4
    np.testing.assert_allclose(gradients[0], [[first, second], [0, first + second]], rtol=1e-6)


def test_what_does_not_fit_is_refused():
    logits, table, points, _ = make_case(3, 4, 8, 30)
    with pytest.raises(ValueError, match=r"logits must be \[3, 4, B\]"):
        label_loss.label_loss(logits[:2], table, points)
    with pytest.raises(ValueError, match="label ids"):
        label_loss.label_loss(logits, table[:, :5], points)


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize("labels", [95, 96, 97, 4095, 4096, 4097])
def test_even_scores_of_one_half_add_up(estimator, labels):
    """The largest factors that a product can hold, and the ends of parts and blocks."""
    points = from_csr(scipy.sparse.csr_matrix((1, 1)), scipy.sparse.csr_matrix((1, labels)))
    losses, _ = label_loss.label_loss(
        np.zeros((1, 2, 4), np.float32), BucketSpec(4, 2).table(labels), points, estimator
    )
    assert losses[0] == pytest.approx(np.log(2), rel=1e-12)


def test_many_small_probabilities_are_not_lost_beside_one():
    """Of a large number of labels nearly all have a probability of 1e-4 or less, which float32 would round beside 1."""
    logits, table, points, truth = make_case(2, 16, 100, 20_000, scale=1.0)
    logits -= 8
    losses, gradients = label_loss.label_loss(logits, table, points)
    expected_losses, expected_gradients = oracle(logits, table, 0 * truth, "logit_mean")
    scores = logits[:, np.arange(16)[:, None], table].mean(axis=1, dtype=np.float64)
    expected_losses -= (truth * scores).mean(axis=1)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-8)
    for row in range(2):
        for label in np.flatnonzero(truth[row]):
            expected_gradients[row, np.arange(16), table[:, label]] -= 1 / (16 * 20_000)
    np.testing.assert_allclose(gradients, expected_gradients, rtol=3e-6, atol=1e-10)


@pytest.mark.parametrize("repetitions", [1, 3, 4, 7, 16])
def test_a_small_loss_is_not_the_rounding_of_large_scores(repetitions):
    """True labels have scores near 15 and false ones near -15, so that the loss is a small part of any score."""
    logits, table, points, truth = make_case(20, repetitions, 400, 50, scale=1.0)
    logits -= 15
    for row, label in zip(*truth.nonzero()):
        logits[row, np.arange(repetitions), table[:, label]] = 15 + 0.1 * label
    scores = logits[:, np.arange(repetitions)[:, None], table].mean(axis=1, dtype=np.float64)
    expected = np.logaddexp(0, np.where(truth, -scores, scores)).mean(axis=1)
    losses, _ = label_loss.label_loss(logits, table, points)
    assert np.median(expected) < 1e-3
    np.testing.assert_allclose(losses, expected, rtol=5e-6)


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize("count", [15, 16, 17, 33])
def test_a_point_is_the_same_alone_and_beside_others(estimator, count, monkeypatch):
    """Chunks of an attack, and the number of threads, decide how many points are computed side by side."""
    logits, table, points, _ = make_case(count, 3, 7, 600)
    monkeypatch.setattr(numba, "get_num_threads", lambda: 1)
    losses, gradients = label_loss.label_loss(logits, table, points, estimator)
    for row in range(count):
        loss, gradient = label_loss.label_loss(logits[[row]], table, points[row : row + 1], estimator)
        assert loss[0] == losses[row]
        np.testing.assert_array_equal(gradient[0], gradients[row])


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
def test_what_is_not_finite_stays_in_its_point(estimator):
    logits, table, points, _ = make_case(20, 3, 7, 600)
    expected = label_loss.label_loss(logits, table, points, estimator)
    logits[3, 1, table[1, 0]], logits[5, 0, table[0, 1]] = np.nan, np.inf
    losses, gradients = label_loss.label_loss(logits, table, points, estimator)
    assert np.isnan(losses[3]) and np.isnan(gradients[3]).any()
    rest = np.delete(np.arange(20), [3, 5])
    np.testing.assert_array_equal(losses[rest], expected[0][rest])
    np.testing.assert_array_equal(gradients[rest], expected[1][rest])
