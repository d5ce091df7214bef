"""Targets and margins against brute force over all label scores."""

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import estimators
from mach_tf.attacks import targets
from mach_tf.buckets import BucketSpec
from tests.helpers.tiny_ensemble import BruteForceDecoder

TABLE = BucketSpec(7, 4).table(30)


def random_logits(points=12, seed=0):
    return np.random.default_rng(seed).standard_normal((points, 4, 7)).astype(np.float32)


def scores_of_all(logits, estimator):
    every = np.broadcast_to(np.arange(30), (len(logits), 30))
    return estimators.label_scores(estimators.bucket_scores(logits, estimator), TABLE, every, estimator)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("k", [1, 3, 29])
def test_a_label_is_in_the_top_k_when_it_beats_its_rival(estimator, k):
    logits, decoder = random_logits(), BruteForceDecoder(TABLE, 7)
    scores = scores_of_all(logits, estimator)
    for target in (0, 11, 29):
        chosen = np.full(12, target)
        rivals = targets.rivals(decoder, logits, chosen, k, estimator)
        others = np.argsort(-scores, axis=1, kind="stable")
        others = np.stack([row[row != target] for row in others])
        np.testing.assert_array_equal(rivals, others[:, k - 1])


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
def test_margin_gradient_agrees_with_a_tape(estimator):
    logits = random_logits()
    rng = np.random.default_rng(1)
    up, down = rng.integers(30, size=12), rng.integers(30, size=12)
    up[5] = down[5]  # nothing to gain
    variable = tf.constant(logits, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        values = variable if estimator == "logit_mean" else tf.sigmoid(variable)
        picked = [
            tf.reduce_mean([values[i, r, TABLE[r, label[i]]] for r in range(4)])
            for label in (up, down)
            for i in range(12)
        ]
        margin = tf.add_n(picked[:12]) - tf.add_n(picked[12:])
    expected = tape.gradient(margin, variable)
    np.testing.assert_allclose(targets.margin_gradient(logits, TABLE, up, down, estimator), expected, atol=1e-7)


def test_no_target_no_gradient():
    up, down = np.full(12, 3), np.arange(12)
    up[2], down[4] = targets.NO_TARGET, targets.NO_TARGET
    gradient = targets.margin_gradient(random_logits(), TABLE, up, down, "mean")
    assert not gradient[[2, 4]].any()
    assert gradient[[0, 1]].any(axis=(1, 2)).all()


def make_truth():
    return scipy.sparse.csr_matrix(np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], np.float32))


def test_push_out_takes_the_best_ranked_true_label():
    top_labels = np.array([[2, 3, 1], [1, 2, 3], [0, 1, 2]])
    expected = [3, targets.NO_TARGET, targets.NO_TARGET]
    assert targets.targets_to_push_out(top_labels, make_truth()).tolist() == expected


def test_push_in_takes_the_label_given_where_it_is_neither_true_nor_there():
    top_labels = np.array([[2, 3], [1, 2], [0, 1]])
    chosen = targets.targets_to_push_in(top_labels, make_truth(), label=0)
    assert chosen.tolist() == [0, targets.NO_TARGET, targets.NO_TARGET]
    with pytest.raises(ValueError, match=r"must be in \[0, 5\)"):
        targets.targets_to_push_in(top_labels, make_truth(), label=5)


@pytest.mark.parametrize("seed", range(5))
def test_push_in_draws_a_label_that_is_neither_true_nor_there(seed):
    rng = np.random.default_rng(seed)
    truth = scipy.sparse.csr_matrix(rng.random((200, 30)) < 0.3, dtype=np.float32)
    top_labels = np.argsort(rng.random((200, 30)), axis=1)[:, :5]
    chosen = targets.targets_to_push_in(top_labels, truth, seed=seed)
    assert (chosen != targets.NO_TARGET).mean() > 0.99
    for point in np.flatnonzero(chosen != targets.NO_TARGET):
        assert chosen[point] not in top_labels[point]
        assert truth[point, chosen[point]] == 0
    np.testing.assert_array_equal(chosen, targets.targets_to_push_in(top_labels, truth, seed=seed))
    assert len(np.unique(chosen)) > 20


def test_each_points_draws_are_its_own():
    truth, top_labels = scipy.sparse.csr_matrix((9, 30), dtype=np.float32), np.zeros((9, 1), int)
    whole = targets.targets_to_push_in(top_labels, truth, seed=1)
    part = targets.targets_to_push_in(top_labels[4:], truth[4:], seed=1, first_point=4)
    np.testing.assert_array_equal(part, whole[4:])
