"""Compiled label scores against estimators.combine, to the last bit; below the threshold a score may be cut short."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.decoding.scoring import Scorer, score_chosen, score_label

WIDTH, COUNT = 30, 500


@numba.njit
def every_score(scorer, threshold):
    found = np.empty(len(scorer.by_label), np.float32)
    for label in range(len(found)):
        found[label] = score_label(scorer, label, threshold)
    return found


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("repetitions", [1, 2, 5, 16])
@pytest.mark.parametrize("threshold", [-np.inf, 0.5, 2.0])
def test_scores_that_reach_the_threshold_are_exact(estimator, repetitions, threshold):
    generator = np.random.default_rng(repetitions)
    table = generator.integers(0, WIDTH, (repetitions, COUNT)).astype(np.int32)
    scores = generator.random((repetitions, WIDTH), np.float32)
    kind = estimators.get(estimator).kernel
    by_label = np.ascontiguousarray(table.T.astype(np.uint16))
    found = every_score(Scorer(scores, by_label, kind, np.empty(repetitions, np.float32)), np.float32(threshold))
    expected = estimators.label_scores(scores[None], table, np.arange(COUNT)[None], estimator)[0]
    reached = expected >= threshold
    np.testing.assert_array_equal(found[reached], expected[reached])
    assert (found[~reached] < threshold).all()


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("repetitions", [1, 2, 5])
def test_chosen_labels_of_points(estimator, repetitions):
    generator = np.random.default_rng(repetitions)
    table = generator.integers(0, WIDTH, (repetitions, COUNT)).astype(np.int32)
    scores = generator.random((4, repetitions, WIDTH), np.float32)
    points, labels = generator.integers(0, 4, 60), generator.integers(0, COUNT, 60).astype(np.int32)
    found = np.empty(60, np.float32)
    by_label = np.ascontiguousarray(table.T.astype(np.uint16))
    score_chosen(scores, by_label, estimators.get(estimator).kernel, points, labels, found)
    every = estimators.label_scores(scores, table, np.tile(np.arange(COUNT), (4, 1)), estimator)
    np.testing.assert_array_equal(found, every[points, labels])
