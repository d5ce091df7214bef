"""Label scores from the sketch: the estimators, and the exact top k.

The functions take bucket scores: probabilities, or logits for "logit_mean" (`bucket_scores` gives the fitting ones).
"""

from __future__ import annotations

import numpy as np

from mach_tf.buckets import BucketMembers
from mach_tf.decoding.decode import Decoder

ESTIMATORS = ("logit_mean", "mean", "min", "median")
DEFAULT_ESTIMATOR = ESTIMATORS[0]


def bucket_scores(logits: np.ndarray, estimator: str) -> np.ndarray:
    """What an estimator combines: the logits themselves for "logit_mean", else their sigmoid; float32, same shape."""
    _check_estimator(estimator)
    logits = np.asarray(logits, np.float32)
    if estimator == "logit_mean":
        return logits
    # exp of a non-positive number cannot overflow.
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, np.float32(1), small) / (np.float32(1) + small)


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
    _check_estimator(estimator)
    values = np.asarray(values, np.float32)
    repetitions = values.shape[-1]
    if estimator == "min":
        return values.min(axis=-1)
    if estimator == "median":
        ordered = np.sort(values, axis=-1)
        low, high = ordered[..., (repetitions - 1) // 2], ordered[..., repetitions // 2]
        return (low + high) * np.float32(0.5)
    total = values[..., 0].copy()
    for repetition in range(1, repetitions):
        total += values[..., repetition]
    return total * (np.float32(1) / np.float32(repetitions))


def label_scores(scores: np.ndarray, table: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
    """The scores of chosen labels.

    Args:
      scores: float32 [n, R, B], bucket scores.
      table: int32 [R, K], the bucket table.
      labels: integers [n, m], the labels asked for, point by point.
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
    _check_estimator(estimator)
    if estimator != "mean":
        return scores
    return ((scores - 1.0 / buckets) * (buckets / (buckets - 1.0))).astype(np.float32)


def probabilities(scores: np.ndarray, estimator: str, buckets: int) -> np.ndarray:
    """Label scores on the scale of probabilities, in [0, 1], for calibration; arguments as in `reported`."""
    if estimator == "logit_mean":
        return bucket_scores(scores, "mean")
    return np.clip(reported(scores, estimator, buckets), 0, 1)


def top_k(
    scores: np.ndarray, table: np.ndarray, members: BucketMembers, k: int, estimator: str
) -> tuple[np.ndarray, np.ndarray]:
    """The k best labels of each point, exactly, best first; among equal scores the smaller label.

    Args:
      scores: float32 [n, R, B], bucket scores; not NaN.
      table: int32 [R, K], the bucket table.
      members: its inverse.
      k: in [1, K].
      estimator: one of ESTIMATORS.

    Returns:
      Labels, int32 [n, k], and their scores, float32 [n, k]. To decode more than once, keep a `decode.Decoder`.
    """
    _check_estimator(estimator)
    found = Decoder(table, members).top_k(scores, k, estimator)
    return found.labels, found.scores


def _check_estimator(estimator: str) -> None:
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {ESTIMATORS} (got {estimator!r})")
