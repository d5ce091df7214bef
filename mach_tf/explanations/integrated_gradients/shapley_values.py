"""Shapley values of a label's score: exact for hidden units that are linear on all subsets of features, sampled for the others.

The players are the features of a path from x' to x: a coalition S has its features at x, the others at x'. A hidden unit's pre-activation
then is a + the sum over S of p_j, with a = x' W1 + b1 and p_j = (x_j - x'_j) W1[j]: between a + the sum of the negative p_j and a + the sum
of the positive ones. Where that interval does not hold 0, ReLU is linear on every coalition and the unit's Shapley values are exactly
w2[u] p_j, or 0. The other units are walked along random orders of the features, each with its reverse (Castro et al. 2009; Mitchell et al.
2022): a feature's value is the mean of what it changes when it joins. In every order the changes add up to F(x) - F(x'), so the values do
too. A mean of probabilities has no linear units, since the sigmoid follows. What a ranker adds is one more unit, max(0, w_l . x).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Optional

import numpy as np
import scipy.special

from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths, entry_splits
from mach_tf.ranker.ranker import Ranker

if TYPE_CHECKING:  # this module needs the tuple's type only, and no TensorFlow
    from mach_tf.classifier import Weights


def integrate(
    networks: Iterable[Weights],
    table: np.ndarray,
    paths: Paths,
    pairs: Pairs,
    sigmoid: bool,
    permutations: int,
    ranker: Optional[Ranker] = None,
) -> PathIntegrals:
    """Returns Shapley values as the integrals that have them as attributions: values divided by the path's differences.

    Args:
      networks: the R repetitions' weights as float32 arrays, each taken once and in order.
      table: int32 [R, K], the bucket of each label in each repetition.
      paths: n paths in hashed features.
      pairs: the labels to explain for each of the n points.
      sigmoid: whether a label's score is the mean of the probabilities of its buckets or of their logits.
      permutations: the number of orders, rounded up to pairs. They depend on the features of a point only.
      ranker: what adds to the label scores; None for nothing.
    """
    splits = entry_splits(paths, pairs)
    values, ends = np.zeros(splits[-1]), np.zeros((2, len(pairs.labels)))
    share = 1.0 / len(table)
    for buckets, network in zip(table, networks):
        for point, first, last, entries in _points(paths, pairs, splits):
            path, wanted = paths.slice(point, point + 1), buckets[pairs.labels[first:last]]
            parts = np.asarray(network.hidden_kernel[path.feature_ids], np.float64) * path.difference[:, None]
            at_start = (
                np.asarray(network.hidden_bias, np.float64) + path.start @ network.hidden_kernel[path.feature_ids]
            )
            kernel = np.asarray(network.output_kernel[:, wanted], np.float64)
            bias = np.asarray(network.output_bias[wanted], np.float64)
            found, scores = _walk(parts, at_start, kernel, bias, sigmoid, _orders(path, permutations))
            values[entries] += share * found.T.reshape(-1)
            ends[:, first:last] += share * scores
    if ranker is not None:
        _add_ranker(values, ends, ranker, paths, pairs, splits, permutations)
    integrals = PathIntegrals(splits, values, ends[1], ends[0])
    moved = paths.difference[integrals.entries(paths, pairs)]
    return integrals._replace(gradients=np.divide(values, moved, out=np.zeros_like(values), where=moved != 0))


def _points(paths: Paths, pairs: Pairs, splits: np.ndarray) -> Iterable[tuple[int, int, int, slice]]:
    """Yields each point that has pairs, their range, and the range of their entries."""
    for point in range(paths.points):
        first, last = pairs.splits[point : point + 2]
        if first < last:
            yield point, first, last, slice(splits[first], splits[last])


def _orders(path: Paths, permutations: int) -> list[np.ndarray]:
    # Seeded by the features, so that neither chunks nor the other points change the values.
    generator = np.random.default_rng([0, *path.feature_ids.tolist()])
    forward = [generator.permutation(len(path.feature_ids)) for _ in range((permutations + 1) // 2)]
    return [order for one in forward for order in (one, one[::-1])]


def _walk(
    parts: np.ndarray,
    at_start: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    sigmoid: bool,
    orders: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the Shapley values, float64 [features, labels], and the scores at both ends, [2, labels].

    Args:
      parts: float64 [features, units], what each feature adds to the pre-activations.
      at_start: float64 [units].
      kernel, bias: float64 [units, labels] and [labels], from units to logits.
      sigmoid: whether the score is the probability.
      orders: permutations of the features.
    """
    low, high = (at_start + clipped.sum(axis=0) for clipped in (np.minimum(parts, 0), np.maximum(parts, 0)))
    linear = np.zeros(len(low), bool) if sigmoid else low >= 0
    varying = (high > 0) & ~linear
    values = parts[:, linear] @ kernel[linear]
    ends = np.stack([np.maximum(at, 0) @ kernel + bias for at in (at_start, at_start + parts.sum(axis=0))])
    if sigmoid:
        ends = scipy.special.expit(ends)
    moving, output = parts[:, varying], kernel[varying]
    steps = np.empty((len(parts) + 1, moving.shape[1]))
    for order in orders if moving.size else ():
        steps[0] = at_start[varying]
        np.cumsum(moving[order], axis=0, out=steps[1:])
        steps[1:] += steps[0]
        scores = np.maximum(steps, 0) @ output
        if sigmoid:
            scores = scipy.special.expit(scores + bias)
        values[order] += np.diff(scores, axis=0) / len(orders)
    return values, ends


def _add_ranker(
    values: np.ndarray,
    ends: np.ndarray,
    ranker: Ranker,
    paths: Paths,
    pairs: Pairs,
    splits: np.ndarray,
    permutations: int,
) -> None:
    one = np.ones((1, 1))
    for point, first, last, _ in _points(paths, pairs, splits):
        path = paths.slice(point, point + 1)
        orders = _orders(path, permutations)
        for pair in range(first, last):
            labels, rows = pairs.labels[pair : pair + 1], np.zeros(len(path.feature_ids), np.int64)
            weights = ranker.weights_at(labels, rows, path.feature_ids).astype(np.float64)
            parts, at_start = (weights * path.difference)[:, None], np.array([weights @ path.start])
            found, scores = _walk(parts, at_start, one, np.zeros(1), False, orders)
            values[splits[pair] : splits[pair + 1]] += found[:, 0]
            ends[:, pair] += scores[:, 0]
