"""Estimators: how the scores of a label's R buckets become the label's score.

Each estimator is one entry of REGISTRY; decoding, attacks and explanations ask the entry and never compare names. The
functions take bucket scores: logits or probabilities, whichever the estimator combines (`bucket_scores` gives them).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.special

from mach_tf import arguments
from mach_tf.logit_scale import AS_THEY_ARE, LogitScale

# Combinations of bucket scores, by the numbers that compiled code knows them by (mach_tf.decoding.scan).
MEAN, MIN, MEDIAN = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Estimator:
    """The properties of an estimator.

    Attributes:
      name: what flags and arguments call it.
      takes_logits: whether it combines bucket logits; otherwise it combines probabilities.
      kernel: MEAN, MIN or MEDIAN, how it combines them.
      debiased: whether users see the paper's unbiased estimate of the combination (see `reported`).
      attacked_through: the name of the estimator whose gradient attacks follow. `min` and `median` send a gradient to one
        or two buckets only, so attacks follow `mean` instead.
      exact_attribution: whether Integrated Gradients have a closed form, which they have where the score is a sum over
        buckets.
    """

    name: str
    takes_logits: bool
    kernel: int
    debiased: bool
    attacked_through: str
    exact_attribution: bool


REGISTRY = {
    entry.name: entry
    for entry in (
        Estimator("logit_mean", True, MEAN, False, "logit_mean", True),
        Estimator("mean", False, MEAN, True, "mean", True),
        Estimator("min", False, MIN, False, "mean", False),
        Estimator("median", False, MEDIAN, False, "mean", False),
    )
}
ESTIMATORS = tuple(REGISTRY)
EXACT_ESTIMATORS = tuple(name for name, entry in REGISTRY.items() if entry.exact_attribution)
DEFAULT_ESTIMATOR = ESTIMATORS[0]


def get(name: str) -> Estimator:
    """Returns the entry of that name; InputError names those that exist."""
    return REGISTRY[arguments.choice(name, "estimator", ESTIMATORS)]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow; float32, same shape."""
    # exp of a non-positive number cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, np.float32(1), small) / (np.float32(1) + small)


def bucket_scores(logits: np.ndarray, estimator: str) -> np.ndarray:
    """Returns the values that an estimator combines: the logits or their sigmoid; float32, same shape."""
    takes_logits = get(estimator).takes_logits
    logits = np.asarray(logits, np.float32)
    return logits if takes_logits else sigmoid(logits)


def combine(values: np.ndarray, estimator: str) -> np.ndarray:
    """A label's score from the scores of its R buckets.

    Sums are float32 in the order of the repetitions: the decoder's compiled code does the same operations, so that
    both rank alike to the last bit.

    Args:
      values: float32 [..., R].
      estimator: one of ESTIMATORS.

    Returns:
      float32 [...].
    """
    return _COMBINATIONS[get(estimator).kernel](np.asarray(values, np.float32))


def label_scores(scores: np.ndarray, table: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
    """The scores of chosen labels.

    Args:
      scores: float32 [n, R, B], bucket scores.
      table: int32 [R, K], the bucket table.
      labels: integers [n, m], the labels of each point.
      estimator: one of ESTIMATORS.

    Returns:
      float32 [n, m].
    """
    labels = np.asarray(labels, np.int64)
    points = np.arange(len(scores))[:, None, None]
    repetitions = np.arange(len(table))
    return combine(scores[points, repetitions, table.T[labels]], estimator)


def reported(scores: np.ndarray, estimator: str, buckets: int) -> np.ndarray:
    """Label scores as they are shown to users.

    For "mean", the paper's unbiased estimate B / (B - 1) * (mean - 1 / B) of the label's probability (Medini et al.
    2019, theorem 1), which ranks as the mean does; the others are shown as they are.

    Args:
      scores: label scores, any shape.
      estimator: one of ESTIMATORS.
      buckets: B.
    """
    if not get(estimator).debiased:
        return scores
    return ((scores - 1.0 / buckets) * (buckets / (buckets - 1.0))).astype(np.float32)


def probabilities(
    scores: np.ndarray, estimator: str, buckets: int, logit_scale: LogitScale = AS_THEY_ARE
) -> np.ndarray:
    """Label scores on the scale of probabilities: positive, at most 1, and rising with the scores.

    A mean of logits, with what a ranker adds to it, becomes the sigmoid of its log-odds, by `logit_scale`; a minimum or median of bucket
    probabilities is one already. Of a mean m of bucket probabilities the paper's unbiased estimate, B / (B - 1) * (m - 1 / B), is negative
    below 1 / B. Below 2 / B, where less than half of m is the label's own, B / (B - 1) * m / 2 takes its place: the two lines meet there.

    Args:
      scores: label scores as the decoder has them, any shape.
      estimator: one of ESTIMATORS.
      buckets: B.
      logit_scale: the line from means of logits to log-odds; that of an opened model is `Network.logit_scale`.

    Returns:
      float64 of the same shape, which keeps apart what float32 rounds to 1.
    """
    scores, entry = np.asarray(scores, np.float64), get(estimator)
    if entry.takes_logits:
        found = scipy.special.expit(logit_scale.log_odds(scores))
    elif entry.debiased:
        found = np.maximum(scores - 1.0 / buckets, scores / 2) * (buckets / (buckets - 1.0))
    else:
        found = scores
    return np.clip(found, np.finfo(np.float64).tiny, 1)


def _mean(values: np.ndarray) -> np.ndarray:
    total = values[..., 0].copy()
    for repetition in range(1, values.shape[-1]):
        total += values[..., repetition]
    return total * (np.float32(1) / np.float32(values.shape[-1]))


def _min(values: np.ndarray) -> np.ndarray:
    return values.min(axis=-1)


def _median(values: np.ndarray) -> np.ndarray:
    ordered, repetitions = np.sort(values, axis=-1), values.shape[-1]
    low, high = ordered[..., (repetitions - 1) // 2], ordered[..., repetitions // 2]
    return (low + high) * np.float32(0.5)


_COMBINATIONS = {MEAN: _mean, MIN: _min, MEDIAN: _median}
