"""Integrated Gradients by quadrature with tf.GradientTape: for any differentiable model and every estimator.

The integral over the path is replaced by a weighted sum of gradients at `steps` nodes. Along the path a ReLU network's
gradient is piecewise smooth, so the error decreases about as 1 / steps. On a path where it is smooth, Gauss-Legendre nodes
are exact for polynomials up to degree 2 steps - 1, and midpoints have an error of O(1 / steps^2).

With `min` the gradient at a node is that of the repetition with the smallest bucket probability at that node, and with
`median` that of the one or two repetitions in the middle: the explanation follows this selection along the path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np
import tensorflow as tf

from mach_tf import arguments, devices, estimators
from mach_tf.choices import QUADRATURE_RULES
from mach_tf.classifier import SparseBatch, Weights, bucket_logits
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths, entry_splits

# The gradient of a sparse product gathers two [nonzeros, hidden] tensors, 32 MB each with 4,096 hidden units.
_NONZEROS_AT_ONCE = 2048
_NONZEROS_AT_ONCE_ON_GPU = 65_536

BucketLogits = Callable[[SparseBatch], tf.Tensor]


def quadrature(steps: int, rule: str = "gauss_legendre") -> tuple[np.ndarray, np.ndarray]:
    """Returns ascending nodes in (0, 1) and weights that add up to 1, both float64 [steps].

    Args:
      steps: number of nodes, at least 1.
      rule: one of choices.QUADRATURE_RULES.

    Example:
      >>> nodes, weights = quadrature(2, "midpoint")
      >>> nodes.tolist(), weights.tolist()
      ([0.25, 0.75], [0.5, 0.5])
    """
    if steps < 1:
        raise InputError(f"steps must be at least 1 (got {steps}).")
    if arguments.choice(rule, "rule", QUADRATURE_RULES) == "midpoint":
        return (np.arange(steps) + 0.5) / steps, np.full(steps, 1.0 / steps)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def of_weights(weights: Weights) -> BucketLogits:
    """Returns the bucket logits of this project's classifier as a function that reads only the rows of W1 that a batch needs."""

    def logits(batch: SparseBatch) -> tf.Tensor:
        # TensorFlow's gradient of a sparse product is as large as the kernel, so the kernel holds these rows only.
        rows, positions = tf.unique(batch.feature_ids, tf.int64)
        kernel = tf.gather(weights.hidden_kernel, rows)
        return bucket_logits(weights._replace(hidden_kernel=kernel), batch._replace(feature_ids=positions))

    return logits


def integrate(
    repetitions: Sequence[BucketLogits],
    table: np.ndarray,
    paths: Paths,
    pairs: Pairs,
    estimator: str,
    steps: int = 64,
    rule: str = "gauss_legendre",
) -> PathIntegrals:
    """Integrates the gradients of label scores along paths, numerically.

    Args:
      repetitions: for each of the R repetitions a differentiable function from a batch of hashed points to bucket logits
        [n, B].
      table: int32 [R, K], the bucket of each label in each repetition.
      paths: n paths in hashed features.
      pairs: the labels to explain for each of the n points.
      estimator: one of estimators.ESTIMATORS.
      steps: number of quadrature nodes.
      rule: one of choices.QUADRATURE_RULES.

    Returns:
      The integrals of the pairs.
    """
    nodes, node_weights = quadrature(steps, rule)
    splits = entry_splits(paths, pairs)
    gradients = np.zeros(splits[-1])
    ends = np.zeros((2, len(pairs.labels)))
    for point in range(paths.points):
        first, last = pairs.splits[point : point + 2]
        if first == last:
            continue
        path, labels = paths.slice(point, point + 1), pairs.labels[first:last]
        ends[:, first:last] = _scores(
            repetitions, table[:, labels], estimator, path, _values(path, np.array([0.0, 1.0]))
        )
        total = np.zeros((len(labels), len(path.feature_ids)))
        entries = _NONZEROS_AT_ONCE_ON_GPU if devices.default_is_gpu() else _NONZEROS_AT_ONCE
        nodes_at_once = max(1, entries // max(1, len(path.feature_ids)))
        for begin in range(0, steps, nodes_at_once):
            chunk = slice(begin, begin + nodes_at_once)
            total += _gradients(repetitions, table[:, labels], estimator, path, nodes[chunk], node_weights[chunk])
        gradients[splits[first] : splits[last]] = total.reshape(-1)
    return PathIntegrals(splits, gradients, ends[1], ends[0])


def _values(path: Paths, times: np.ndarray) -> tf.Tensor:
    """Returns the points of one path at these times, float32 [times, features]."""
    return tf.constant((path.start + times[:, None] * path.difference).astype(np.float32))


def _scores(
    repetitions: Sequence[BucketLogits], buckets: np.ndarray, estimator: str, path: Paths, values: tf.Tensor
) -> tf.Tensor:
    """Returns the label scores [n, labels] of n points that have the features of one path.

    Args:
      buckets: int32 [R, labels].
      values: float32 [n, features].
    """
    count, features = values.shape
    ids = tf.constant(np.tile(path.feature_ids, count))
    batch = SparseBatch(tf.range(count + 1, dtype=tf.int64) * features, ids, tf.reshape(values, [-1]))
    picked = [tf.gather(logits(batch), row, axis=1) for logits, row in zip(repetitions, buckets)]
    return combine(tf.stack(picked), estimator)


def combine(logits: tf.Tensor, estimator: str) -> tf.Tensor:
    """Combines the logits [R, n, m] of each label's R buckets into label scores [n, m], differentiably."""
    entry = estimators.get(estimator)
    scores = logits if entry.takes_logits else tf.sigmoid(logits)
    return _COMBINATIONS[entry.kernel](scores)


def _mean(scores: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(scores, axis=0)


def _min(scores: tf.Tensor) -> tf.Tensor:
    return tf.sort(scores, axis=0)[0]


def _median(scores: tf.Tensor) -> tf.Tensor:
    ordered, count = tf.sort(scores, axis=0), scores.shape[0]
    return 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])


_COMBINATIONS = {estimators.MEAN: _mean, estimators.MIN: _min, estimators.MEDIAN: _median}


def _gradients(
    repetitions: Sequence[BucketLogits],
    buckets: np.ndarray,
    estimator: str,
    path: Paths,
    nodes: np.ndarray,
    node_weights: np.ndarray,
) -> np.ndarray:
    """Returns the weighted sum over nodes of each label's gradient, float64 [labels, features]."""
    values = _values(path, nodes)
    # The model's weights are variables, which a tape watches by default.
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(values)
        scores = tf.unstack(_scores(repetitions, buckets, estimator, path, values), axis=1)
    by_label = [node_weights @ tape.gradient(score, values).numpy().astype(np.float64) for score in scores]
    return np.stack(by_label)
