"""A label's score from the scores of its R buckets, by the floating-point operations of `estimators.combine`.

These functions are inlined where they are called, into the innermost loops of the kernels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.estimators import MEAN, MIN
from mach_tf.kernels import jit

# The combination of a table with a utility, beside those of the estimators: a mean of logits, of which the kernels make its utility.
WEIGHTED = 3


class Scorer(NamedTuple):
    """The arrays that score the labels of one point.

    Attributes:
      scores: float32 [R, B], the point's bucket scores.
      by_label: unsigned or int32 [K, R], the buckets of each label; with a utility they are R + 1.
      kind: MEAN, MIN or MEDIAN of mach_tf.estimators, or WEIGHTED.
      scratch: float32 [R].
    """

    scores: np.ndarray
    by_label: np.ndarray
    kind: int
    scratch: np.ndarray


@jit(inline="always")
def score_label(scorer, label, threshold):
    """A label's score, or -inf if it is below `threshold`, below which scores do not matter."""
    if scorer.kind in (MEAN, WEIGHTED):
        return mean_score(scorer.scores, scorer.by_label, label)
    if scorer.kind == MIN:
        return min_score(scorer.scores, scorer.by_label, label, threshold)
    return median_score(scorer.scores, scorer.by_label, label, threshold, scorer.scratch)


@jit(nogil=True)
def score_chosen(scores, by_label, kind, points, labels, found):
    """Fills found, float32 [e], with the scores of chosen labels.

    Args:
      scores: float32 [n, R, B].
      by_label, kind: as of `Scorer`.
      points, labels: int [e], the point and the label of each score.
    """
    scratch = np.empty(by_label.shape[1], np.float32)
    for i in range(len(points)):
        scorer = Scorer(scores[points[i]], by_label, kind, scratch)
        found[i] = score_label(scorer, np.uint64(labels[i]), np.float32(-np.inf))


@jit(inline="always")
def mean_score(scores, by_label, label):
    total = scores[0, by_label[label, 0]]
    for r in range(1, len(scores)):
        total += scores[r, by_label[label, r]]
    return total * (np.float32(1) / np.float32(len(scores)))


@jit(inline="always")
def min_score(scores, by_label, label, threshold):
    lowest = scores[0, by_label[label, 0]]
    for r in range(1, by_label.shape[1]):
        if lowest < threshold:
            return np.float32(-np.inf)
        lowest = min(lowest, scores[r, by_label[label, r]])
    return lowest


@jit(inline="always")
def median_score(scores, by_label, label, threshold, scratch):
    repetitions = by_label.shape[1]
    # The upper middle value must reach the threshold, so at most half of the values may be below it.
    below_allowed = repetitions // 2
    for r in range(repetitions):
        scratch[r] = scores[r, by_label[label, r]]
        below_allowed -= scratch[r] < threshold
        if below_allowed < 0:
            return np.float32(-np.inf)
    for r in range(1, repetitions):
        value = scratch[r]
        j = r
        while j > 0 and scratch[j - 1] > value:
            scratch[j] = scratch[j - 1]
            j -= 1
        scratch[j] = value
    return (scratch[(repetitions - 1) // 2] + scratch[repetitions // 2]) * np.float32(0.5)
