"""The label-space loss of a whole network, and its gradient for the bucket logits: what attacks on the loss increase.

For a point with the label set Y and label scores s_l in (0, 1), the loss is the mean binary cross-entropy over all K labels,

    L = -1/K (sum over l in Y of log s_l + sum over l not in Y of log(1 - s_l)),

with s_l the sigmoid of the mean of the label's R bucket logits ("logit_mean"), or the mean of its R bucket probabilities
("mean"). "min" and "median", which pass a gradient to one or two buckets only, are attacked through "mean".

No [n, K] array is made: labels are processed block by block, and the loss's derivative for each label's score is scattered
back to the R buckets that the score was gathered from.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf import estimators
from mach_tf.kernels import jit
from mach_tf.points import Points

# Labels per block: their scores stay in the first-level cache, and a product of 512 factors up to 2 is still finite.
_BLOCK = 512
_SMALLEST = 1e-12  # scores are kept this far from 0 and 1, in float64, so that logarithms stay finite


def attacked(estimator: str) -> estimators.Estimator:
    """Returns the entry of the estimator whose gradient attacks follow in place of this one's."""
    return estimators.get(estimators.get(estimator).attacked_through)


def label_loss(
    logits: np.ndarray, table: np.ndarray, points: Points, estimator: str = "logit_mean"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the loss of each point and its gradient for the point's bucket logits.

    Args:
      logits: float32 [n, R, B].
      table: int32 [R, K], the bucket table.
      points: n points with labels.
      estimator: which estimator makes the label scores; see `attacked`.

    Returns:
      Losses, float64 [n], and gradients, float32 [n, R, B].

    Raises:
      ValueError: the numbers of points, repetitions or labels disagree.
    """
    if logits.ndim != 3 or logits.shape[:2] != (len(points), len(table)):
        raise ValueError(f"logits must be [{len(points)}, {len(table)}, B] (got {logits.shape})")
    labels = np.asarray(points.label_ids, np.int64)
    if labels.size and not 0 <= labels.min() <= labels.max() < table.shape[1]:
        raise ValueError(f"label ids must be in [0, {table.shape[1]}) (got {labels.min()} to {labels.max()})")
    losses = np.zeros(len(points))
    gradients = np.zeros(logits.shape, np.float32)
    kernel = _logit_mean_loss if attacked(estimator).takes_logits else _mean_loss
    kernel(
        np.ascontiguousarray(logits, np.float32),
        # Unsigned, so that the compiled code does not check for negative indices.
        np.ascontiguousarray(table, np.int32).view(np.uint32),
        np.asarray(points.label_splits, np.int64),
        labels,
        losses,
        gradients,
    )
    return losses, gradients


@jit(inline="always")
def _sigmoid(value):
    small = np.exp(-abs(value))
    return 1 / (1 + small) if value >= 0 else small / (1 + small)


@jit(inline="always")
def _gather(scores, table, begin, end, block):
    """Writes the mean scores of the labels begin:end into `block`."""
    block[: end - begin] = 0
    for r in range(len(table)):
        row, buckets = scores[r], table[r]
        for label in range(begin, end):
            block[label - begin] += row[buckets[label]]
    block[: end - begin] /= len(table)


@jit(inline="always")
def _scatter(block, table, begin, end, gradient):
    """Adds each label's derivative to its buckets."""
    for r in range(len(table)):
        row, buckets = gradient[r], table[r]
        for label in range(begin, end):
            row[buckets[label]] += block[label - begin]


@jit(parallel=True)
def _logit_mean_loss(logits, table, label_splits, label_ids, losses, gradients):
    repetitions, count = table.shape
    for point in numba.prange(len(logits)):
        block = np.empty(_BLOCK)
        gradient = np.zeros(logits.shape[1:])
        total = 0.0
        for begin in range(0, count, _BLOCK):
            end = min(begin + _BLOCK, count)
            _gather(logits[point], table, begin, end, block)
            product = 1.0
            for i in range(end - begin):
                # softplus and its derivative, as if no label were true; one logarithm serves the whole block.
                small = np.exp(-abs(block[i]))
                total += max(block[i], 0.0)
                product *= 1 + small
                block[i] = (1 if block[i] >= 0 else small) / (1 + small)
            total += np.log(product)
            _scatter(block, table, begin, end, gradient)
        for label in label_ids[label_splits[point] : label_splits[point + 1]]:
            score = 0.0
            for r in range(repetitions):
                score += logits[point, r, table[r, label]]
                gradient[r, table[r, label]] -= 1
            total -= score / repetitions
        losses[point] = total / count
        gradients[point] = gradient / (repetitions * count)


@jit(parallel=True)
def _mean_loss(logits, table, label_splits, label_ids, losses, gradients):
    repetitions, count = table.shape
    buckets = logits.shape[2]
    for point in numba.prange(len(logits)):
        block = np.empty(_BLOCK)
        gradient = np.zeros(logits.shape[1:])
        probabilities = np.empty(logits.shape[1:])
        for r in range(repetitions):
            for b in range(buckets):
                probabilities[r, b] = _sigmoid(np.float64(logits[point, r, b]))
        total = 0.0
        for begin in range(0, count, _BLOCK):
            end = min(begin + _BLOCK, count)
            _gather(probabilities, table, begin, end, block)
            for i in range(end - begin):
                rest = max(1 - block[i], _SMALLEST)
                total -= np.log(rest)
                block[i] = 1 / rest
            _scatter(block, table, begin, end, gradient)
        for label in label_ids[label_splits[point] : label_splits[point + 1]]:
            score = 0.0
            for r in range(repetitions):
                score += probabilities[r, table[r, label]]
            score /= repetitions
            rest = max(1 - score, _SMALLEST)
            score = max(score, _SMALLEST)
            total += np.log(rest) - np.log(score)
            for r in range(repetitions):
                gradient[r, table[r, label]] -= 1 / rest + 1 / score
        losses[point] = total / count
        gradients[point] = gradient * probabilities * (1 - probabilities) / (repetitions * count)
