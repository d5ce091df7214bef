"""Sums of losses, against their definitions in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from mach_tf.training import loss_sums

LEARNED = np.array([[True, False, True, True], [False, True, True, False]])


@pytest.mark.parametrize("learned", [None, LEARNED])
@pytest.mark.parametrize("multiclass", [False, True])
def test_cross_entropies_are_summed_over_the_points_that_are_learned(multiclass, learned):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 5)).astype(np.float32)
    targets = np.eye(5, dtype=np.float32)[rng.integers(0, 5, (2, 4))]
    if multiclass:
        each = -(targets * scipy.special.log_softmax(logits, axis=2)).sum(axis=2)
    else:
        each = (np.logaddexp(0, logits) - targets * logits).sum(axis=2)
    expected = (each * (True if learned is None else learned)).sum(axis=1)
    given = None if learned is None else tf.constant(learned)
    found = loss_sums.cross_entropies(tf.constant(logits), tf.constant(targets), multiclass, given)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_losses_of_points():
    losses = tf.reshape(tf.range(8.0), [2, 4])
    np.testing.assert_array_equal(loss_sums.sums(losses), [6, 22])
    np.testing.assert_array_equal(loss_sums.sums(losses, tf.constant(LEARNED)), [5, 11])
