"""The change of an attribution when its point is perturbed: rank correlation, and overlap of the largest features."""

from __future__ import annotations

import numpy as np
import scipy.stats

from mach_tf.explanations.trials.feature_removal import ranks
from mach_tf.points import Points


def rank_correlation(points: Points, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns Spearman's rank correlation of two attributions of each point.

    Args:
      points: n points.
      one, other: float [nonzeros], aligned with the points' features.

    Returns:
      float64 [n]; NaN if a point has fewer than two features, or if an attribution is the same for all of them.
    """
    result = np.full(len(points), np.nan)
    for point in range(len(points)):
        a, b = (values[points.row_splits[point] : points.row_splits[point + 1]] for values in (one, other))
        if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            result[point] = scipy.stats.spearmanr(a, b).statistic
    return result


def top_overlap(points: Points, one: np.ndarray, other: np.ndarray, k: int = 10) -> np.ndarray:
    """Returns the fraction of the k features of largest magnitude that two attributions share.

    All features of a point with k features or fewer would be among them, so of such a point the larger half is compared.

    Args:
      points: n points.
      one, other: float [nonzeros], aligned with the points' features.
      k: number of features to compare.

    Returns:
      float64 [n]; NaN if a point has no features.
    """
    first, second = (ranks(points, np.abs(values)) for values in (one, other))
    lengths = np.diff(points.row_splits)
    limits = np.where(lengths > k, k, (lengths + 1) // 2)
    rows = points.rows()
    both = (first < limits[rows]) & (second < limits[rows])
    shared = np.bincount(rows[both], minlength=len(points)).astype(np.float64)
    return np.divide(shared, limits, out=np.full(len(points), np.nan), where=limits > 0)
