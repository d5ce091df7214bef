from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import estimators
from mach_tf.logit_scale import LogitScale
from mach_tf.serving import ranking


@pytest.mark.parametrize("labels", [1, 2, 511, 512, 513, 3000])
@pytest.mark.parametrize("distinct", [2, 1000])
def test_the_best_labels_are_those_of_a_full_sort_with_ties_to_the_smaller(labels, distinct):
    scores = np.random.default_rng(labels).integers(0, distinct, (7, labels)).astype(np.float32)
    for k in {1, min(labels, 5), labels}:
        found, best = tf.function(ranking.best_labels)(tf.constant(scores), tf.constant(k))
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(best, order)
        np.testing.assert_array_equal(found, np.take_along_axis(scores, order, 1))


@pytest.mark.parametrize("repetitions", [1, 2, 16, 33])
def test_scores_of_labels_are_those_of_the_library_to_the_last_bit(repetitions):
    rng = np.random.default_rng(repetitions)
    logits = rng.normal(-7, 3, (9, repetitions, 20)).astype(np.float32)
    table = rng.integers(0, 20, (repetitions, 300)).astype(np.int32)
    expected = estimators.label_scores(logits, table, np.tile(np.arange(300), (9, 1)), "logit_mean")
    found = tf.function(ranking.mean_scores)(tf.constant(logits.transpose(1, 2, 0)), tf.constant(table))
    np.testing.assert_array_equal(found, expected.T)


@pytest.mark.parametrize("estimator", estimators.EXACT_ESTIMATORS)
def test_scales_are_those_of_the_library(estimator):
    logits = np.linspace(-30, 30, 101, dtype=np.float32)
    scores = ranking.bucket_scores(tf.constant(logits), estimator).numpy()
    np.testing.assert_allclose(scores, estimators.bucket_scores(logits, estimator), rtol=1e-6)
    shown = ranking.reported(tf.constant(scores), estimator, 50)
    np.testing.assert_allclose(shown, estimators.reported(scores, estimator, 50), rtol=1e-5, atol=1e-7)
    probabilities = ranking.probabilities(tf.constant(scores), estimator, 50)
    np.testing.assert_allclose(probabilities, estimators.probabilities(scores, estimator, 50), rtol=1e-12)
    probabilities = ranking.probabilities(tf.constant(scores), estimator, 50, LogitScale(6.5, 4.25))
    np.testing.assert_allclose(
        probabilities, estimators.probabilities(scores, estimator, 50, LogitScale(6.5, 4.25)), rtol=1e-12
    )
