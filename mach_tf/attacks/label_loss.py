"""The label-space loss of a whole network, and its gradient for the bucket logits: what attacks on the loss increase.

For a point with the label set Y and label scores s_l in (0, 1), the loss is the mean binary cross-entropy over all K labels,

    L = -1/K (sum over l in Y of log s_l + sum over l not in Y of log(1 - s_l)),

with s_l the sigmoid of the mean of the label's R bucket logits ("logit_mean"), or the mean of its R bucket probabilities
("mean"). "min" and "median", which pass a gradient to one or two buckets only, are attacked through "mean".

No [n, K] array is made: labels are processed block by block, and the loss's derivative for each label's score is scattered
back to the R buckets that the score was gathered from, for several points side by side. Means of logits are float32 ones, as the logits are; means of
probabilities, which may be close to 1, float64 ones. Losses are float64 sums, gradients float32 ones. A label's term of the loss is as exact as its
score: a score s that is rounded to seven digits moves it by up to 1e-7 |s| of itself.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf import estimators
from mach_tf.attacks.point_lanes import (
    LANES,
    add_four_rows,
    add_row,
    exp_of_negative,
    exp_of_negative_32,
    from_lanes,
    multiply_row,
    to_lanes,
)
from mach_tf.kernels import jit
from mach_tf.points import Points

# Labels per block: their scores, of all lanes, stay in the second-level cache beside those of the buckets of four repetitions, which are
# reused more often the longer a block is.
_BLOCK = 4096
# Labels whose factors stay in the first-level cache.
_PART = 96
# Factors whose product has one logarithm: of factors from _SMALLEST to 2 it is in the range of float64.
_FACTORS = 24
_SMALLEST = 1e-12  # scores are kept this far from 0 and 1, in float64, so that logarithms stay finite

# A product and a sum may become one instruction; infinities and NaN keep their meaning.
_FAST = {"contract"}


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
    # One thread takes three times as long for LANES points as for one.
    lanes = LANES if len(points) > 3 * numba.get_num_threads() else 1
    through_logits = attacked(estimator).takes_logits
    _fill(
        through_logits,
        (np.empty(0, np.float32 if through_logits else np.float64),) * lanes,
        np.ascontiguousarray(logits, np.float32),
        # Unsigned, so that the compiled code does not check for negative indices.
        np.ascontiguousarray(table, np.int32).view(np.uint32),
        np.asarray(points.label_splits, np.int64),
        labels,
        losses,
        gradients,
    )
    return losses, gradients


@jit(parallel=True)
def _fill(through_logits, lanes, logits, table, label_splits, label_ids, losses, gradients):
    for tile in numba.prange((len(logits) + len(lanes) - 1) // len(lanes)):
        some = slice(tile * len(lanes), min((tile + 1) * len(lanes), len(logits)))
        splits = label_splits[some.start : some.stop + 1]
        _fill_lanes(through_logits, lanes, logits[some], table, splits, label_ids, losses[some], gradients[some])


@jit()
def _fill_lanes(through_logits, lanes, logits, table, label_splits, label_ids, losses, gradients):
    """Fills the losses and gradients of at most len(lanes) points; `lanes` is a tuple of arrays of the type of the bucket scores."""
    (repetitions, count), width = table.shape, len(lanes)
    buckets = logits.shape[2]
    scores = np.zeros((repetitions * buckets, width), lanes[0].dtype)
    to_lanes(logits.reshape(len(logits), -1), scores)
    if not through_logits:
        _to_probabilities(scores.reshape(-1))
    slopes, totals = np.zeros(scores.shape, np.float32), np.zeros((1, width))
    block = min(_BLOCK, count)
    sums, derivatives = np.empty((block, width), scores.dtype), np.empty((block, width), np.float32)
    factors, terms = np.empty((_PART, width)), np.zeros((_PART, width), scores.dtype)
    for begin in range(0, count, _BLOCK):
        some = table[:, begin : min(begin + _BLOCK, count)]
        size = some.shape[1]
        _gather(lanes, scores, some, buckets, sums[:size])
        # The terms of the loss and their derivatives, as if no label were true.
        for first in range(0, size, _PART):
            last = min(first + _PART, size)
            part = last - first
            flat = sums[first:last].reshape(-1), factors.reshape(-1), derivatives[first:last].reshape(-1)
            if through_logits:
                _softplus(*flat, np.float32(1 / repetitions), terms.reshape(-1))
                for i in range(part):
                    add_row(lanes, totals, 0, terms, i)
            else:
                _negative_logarithm(*flat, repetitions)
            _add_logarithms(lanes, factors[:part], 1 if through_logits else -1, totals[0])
        for r in range(repetitions):
            for i in range(size):
                add_row(lanes, slopes, r * buckets + some[r, i], derivatives, i)
    for lane in range(len(logits)):
        for label in label_ids[label_splits[lane] : label_splits[lane + 1]]:
            totals[0, lane] += _make_true(through_logits, scores[:, lane], slopes[:, lane], table[:, label], buckets)
        losses[lane] = totals[0, lane] / count
    if not through_logits:
        _through_sigmoid(scores.reshape(-1), slopes.reshape(-1))
    from_lanes(slopes, 1 / (repetitions * count), gradients.reshape(len(gradients), -1))


@jit()
def _gather(lanes, scores, table, buckets, sums):
    """Fills the sums over repetitions of the scores of the labels of a block, [size, lanes]."""
    repetitions = len(table)
    sums[:] = 0
    fours = repetitions // 4 * 4
    for r in range(0, fours, 4):
        first = r * buckets
        second, third, fourth = first + buckets, first + 2 * buckets, first + 3 * buckets
        for i in range(len(sums)):
            rows = first + table[r, i], second + table[r + 1, i], third + table[r + 2, i], fourth + table[r + 3, i]
            # mypy counts the context that numba gives an intrinsic.
            add_four_rows(lanes, sums, i, scores, rows)  # type: ignore[call-arg]
    for r in range(fours, repetitions):
        for i in range(len(sums)):
            add_row(lanes, sums, i, scores, r * buckets + table[r, i])


@jit(fastmath=_FAST, error_model="numpy")
def _to_probabilities(scores):
    for i in range(len(scores)):
        small = exp_of_negative(-abs(scores[i]))
        scores[i] = (1.0 if scores[i] >= 0 else small) / (1 + small)


@jit(fastmath=_FAST, error_model="numpy")
def _softplus(sums, factors, derivatives, share, terms):
    """Fills the derivatives of softplus at the means of logits; softplus is a term plus the logarithm of a factor."""
    zero, one = np.float32(0), np.float32(1)
    for i in range(len(sums)):
        score = np.float32(sums[i]) * share
        small = exp_of_negative_32(-abs(score))
        terms[i] = score if score >= 0 else zero
        # In float64, as most of the smallest would be lost beside 1.
        factors[i] = 1 + np.float64(small)
        derivatives[i] = (one if score >= 0 else small) / (one + small)


@jit(fastmath=_FAST, error_model="numpy")
def _negative_logarithm(sums, factors, derivatives, repetitions):
    """Fills the derivatives of -log(1 - mean) at the means of probabilities; the factors are 1 - mean."""
    for i in range(len(sums)):
        rest = 1 - sums[i] / repetitions
        rest = _SMALLEST if rest < _SMALLEST else rest
        factors[i] = rest
        derivatives[i] = 1 / rest


@jit()
def _add_logarithms(lanes, factors, sign, totals):
    product = np.empty((1, len(lanes)))
    for begin in range(0, len(factors), _FACTORS):
        product[:] = 1
        for i in range(begin, min(begin + _FACTORS, len(factors))):
            multiply_row(lanes, product, 0, factors, i)
        for lane in range(len(lanes)):
            totals[lane] += sign * np.log(product[0, lane])


@jit()
def _make_true(through_logits, scores, slopes, own_buckets, buckets):
    """Returns what a point's sum of losses changes by if a label is true, and changes the derivatives."""
    repetitions = len(own_buckets)
    change, slope = -np.float64(mean_logit(scores, own_buckets, buckets)), -1.0
    if not through_logits:
        score = _sum(scores, own_buckets, buckets) / repetitions
        rest, score = max(1 - score, _SMALLEST), max(score, _SMALLEST)
        change, slope = np.log(rest) - np.log(score), -1 / rest - 1 / score
    for r in range(repetitions):
        slopes[r * buckets + own_buckets[r]] += slope
    return change


@jit()
def mean_logit(logits, own_buckets, buckets):
    """Returns the mean of a label's bucket logits, float32, to the last bit the score that `label_loss` gives the label.

    Args:
      logits: float32 [R * B], those of a point, repetition after repetition.
      own_buckets: uint32 or int32 [R], the label's buckets.
      buckets: B.
    """
    return np.float32(_sum(logits, own_buckets, buckets)) * np.float32(1 / len(own_buckets))


@jit(fastmath=_FAST, error_model="numpy")
def false_label_loss(score):
    """Returns the term of `label_loss` for a label that is not true, float64, with the rounding that it has there.

    Args:
      score: float32, the label's mean logit.
    """
    return np.float64(max(score, np.float32(0))) + np.log(1 + np.float64(exp_of_negative_32(-abs(score))))


@jit()
def _sum(scores, own_buckets, buckets):
    """Returns the sum over repetitions of the scores of a label, to the last bit as `_gather` does."""
    repetitions, total = len(own_buckets), scores.dtype.type(0)
    fours = repetitions // 4 * 4
    for r in range(0, fours, 4):
        first = r * buckets
        one, two = scores[first + own_buckets[r]], scores[first + buckets + own_buckets[r + 1]]
        three, four = scores[first + 2 * buckets + own_buckets[r + 2]], scores[first + 3 * buckets + own_buckets[r + 3]]
        total += (one + two) + (three + four)
    for r in range(fours, repetitions):
        total += scores[r * buckets + own_buckets[r]]
    return total


@jit()
def _through_sigmoid(probabilities, slopes):
    for i in range(len(slopes)):
        slopes[i] *= probabilities[i] * (1 - probabilities[i])
