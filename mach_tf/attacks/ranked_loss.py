"""The label-space loss of a network whose label scores have a part that a ranker adds, and its gradient.

With z_l the mean of the label's bucket logits and a_l = max(0, w_l . x), the score is the sigmoid of z_l + a_l. Of the mean binary
cross-entropy of `label_loss`, which has the z_l alone, the terms of the labels with a_l > 0 change. Per point these are few:

    L = L(z) + 1/K sum over l of [softplus(z_l + a_l) - softplus(z_l) - y_l a_l],

where y_l is 1 for a true label and 0 otherwise. The subtracted softplus(z_l) is rounded as in L(z): where the ranker makes a loss far smaller than
L(z), an error of float32 would be larger than the loss. The derivative for both z_l and a_l is (sigmoid(z_l + a_l) - y_l) / K.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import scipy.sparse

from mach_tf.attacks.input_gradient import AttackInput
from mach_tf.attacks.label_loss import false_label_loss, label_loss, mean_logit
from mach_tf.decoding import added_scores
from mach_tf.kernels import jit
from mach_tf.network import Network
from mach_tf.ranker.added_part import AddedPart


class RankedLoss(NamedTuple):
    """The loss of n points and its gradient, which has two parts: through the bucket logits, and through the ranker.

    Attributes:
      losses: float64 [n].
      of_logits: float32 [n, R, B], the gradient for the bucket logits.
      through_ranker: the part of the gradient for the values that passes through the ranker, float32 of their shape; a 0 without a ranker.
    """

    losses: np.ndarray
    of_logits: np.ndarray
    through_ranker: np.ndarray


def added_part(network: Network, estimator: str, inputs: AttackInput, values: np.ndarray) -> AddedPart:
    """Returns what the network's ranker adds to the label scores of points with these values; nothing if it has none."""
    ranker = network.ranker_of(estimator)
    features = scipy.sparse.csr_matrix((0, inputs.columns)) if ranker is None else inputs.features(values)
    return AddedPart(ranker, features)


def ranked_loss(
    part: AddedPart, inputs: AttackInput, logits: np.ndarray, table: np.ndarray, estimator: str, gradient: bool = True
) -> RankedLoss:
    """Returns the loss of each point, and its gradient.

    Args:
      part: what is added, as `added_part` returns it.
      inputs: n points with labels.
      logits: float32 [n, R, B], their bucket logits.
      table: int32 [R, K].
      estimator: which estimator makes the label scores; see label_loss.attacked.
      gradient: whether the gradient through the ranker is wanted; otherwise it is 0.
    """
    losses, of_logits = label_loss(logits, table, inputs.points, estimator)
    through = np.zeros((), np.float32)
    if part.ranker is None:
        return RankedLoss(losses, of_logits, through)
    slopes = []
    for some, added in added_scores.parts([part.ranker], part.features):
        added.sort_indices()
        points = inputs.points[some]
        slope = np.empty(added.nnz)
        arrays = added.indptr, added.indices, added.data, points.label_splits, points.label_ids
        _change(logits[some], table, *arrays, losses[some], of_logits[some], slope)
        if gradient:
            # Of few points at a time, as there may be very many labels.
            matrix = scipy.sparse.csr_matrix((slope, added.indices, added.indptr), added.shape)
            slopes.append(inputs.through_ranker(part.ranker, matrix, some))
    return RankedLoss(losses, of_logits, np.concatenate(slopes) if gradient else through)


def margin_through_ranker(part: AddedPart, inputs: AttackInput, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Returns the gradient for the values of what a ranker adds to one label's score minus another's.

    Args:
      part, inputs: as of `ranked_loss`.
      up, down: int64 [n], the labels; where either is negative the gradient is 0.

    Returns:
      float32 of the shape of the values; a 0 without a ranker.
    """
    if part.ranker is None:
        return np.zeros((), np.float32)
    pairs = np.stack([up, down], axis=1)
    valid = (pairs >= 0).all(axis=1)
    pairs = np.where(valid[:, None], pairs, 0)
    slopes = (part.to(pairs) > 0) * valid[:, None] * np.array([1, -1], np.float32)
    splits = 2 * np.arange(len(pairs) + 1)
    shape = len(pairs), part.ranker.weights.shape[0]
    matrix = scipy.sparse.csr_matrix((slopes.ravel().astype(np.float32), pairs.ravel(), splits), shape)
    return inputs.through_ranker(part.ranker, matrix, slice(0, len(pairs)))


@jit(inline="always")
def _softplus(value):
    return max(value, 0.0) + np.log1p(np.exp(-abs(value)))


@jit(parallel=True)
def _change(logits, table, splits, ids, added, label_splits, label_ids, losses, gradients, slopes):
    """Adds the change to `losses` and `gradients`, and fills `slopes`, the derivatives for the added scores."""
    repetitions, count = table.shape
    for point in numba.prange(len(logits)):
        begin, end = splits[point], splits[point + 1]
        if begin == end:
            continue
        gradient = np.zeros(logits.shape[1:])
        total = 0.0
        flat, buckets = logits[point].reshape(-1), logits.shape[2]
        for e in range(begin, end):
            label = ids[e]
            score = mean_logit(flat, table[:, label], buckets)
            high = np.float64(score) + added[e]
            total += _softplus(high) - false_label_loss(score)
            slope = 1 / (1 + np.exp(-high))
            slopes[e] = slope / count
            rise = slope - 1 / (1 + np.exp(-score))
            for r in range(repetitions):
                gradient[r, table[r, label]] += rise
        for label in label_ids[label_splits[point] : label_splits[point + 1]]:
            e = begin + np.searchsorted(ids[begin:end], label)
            if e < end and ids[e] == label:
                total -= added[e]
                slopes[e] -= 1 / count
        losses[point] += total / count
        gradients[point] += (gradient / (repetitions * count)).astype(np.float32)
