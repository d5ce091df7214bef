"""Integrated Gradients of what a ranker adds to a label score, in closed form.

Along the path x(t) = x' + t (x - x') the product w . x(t) = a + t d is linear, with a = w . x' and d = w . (x - x'). The mean over [0, 1]
of the gradient of max(0, w . x(t)) for x_j therefore is w_j times the share of the path on which the product is above 0: the whole path
or nothing where it does not change its sign, else the part on one side of t = -a / d. From a zero baseline, a = 0, the attribution of x_j
is w_j x_j if w . x > 0, and 0 otherwise.
"""

from __future__ import annotations

import numpy as np

from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths
from mach_tf.ranker.ranker import Ranker


def add(integrals: PathIntegrals, ranker: Ranker, paths: Paths, pairs: Pairs) -> PathIntegrals:
    """Returns the integrals of label scores with what a ranker adds.

    Args:
      integrals: those of the ensemble's scores.
      ranker: the ranker.
      paths: n paths in hashed features.
      pairs: the labels to explain for each of the n points.
    """
    count, entries = len(pairs.labels), integrals.entries(paths, pairs)
    of_entry = np.repeat(np.arange(count), np.diff(integrals.splits))
    weights = ranker.weights_at(pairs.labels, of_entry, paths.feature_ids[entries]).astype(np.float64)
    start, change = (
        np.bincount(of_entry, weights * values[entries], count) for values in (paths.start, paths.difference)
    )
    return PathIntegrals(
        integrals.splits,
        integrals.gradients + positive_share(start, change)[of_entry] * weights,
        integrals.scores + np.maximum(start + change, 0),
        integrals.baseline_scores + np.maximum(start, 0),
    )


def positive_share(start: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Returns the share of [0, 1] on which start + t change > 0, float64 of their shape.

    Example:
      >>> positive_share(np.array([-1.0, 3.0, 0.0, 2.0]), np.array([4.0, -4.0, 1.0, 0.0])).tolist()
      [0.75, 0.75, 1.0, 1.0]
    """
    crossing = np.divide(-start, change, out=np.zeros_like(start), where=change != 0)
    crossing = np.clip(crossing, 0, 1)
    return np.where(change == 0, start > 0, np.where(change > 0, 1 - crossing, crossing))
