"""How far an attribution moves when its point is perturbed: rank correlation and overlap of the first features."""

from __future__ import annotations

import numpy as np
import scipy.stats

from mach_tf.explanations.trials.feature_removal import ranks
from mach_tf.points import Points


def rank_correlation(points: Points, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of two attributions of each point.

    Args:
      points: n points.
      one, other: float [nonzeros], aligned with the points' features.

    Returns:
      float64 [n]; NaN where a point has fewer than two features, or an attribution is the same for all.
    """
    result = np.full(len(points), np.nan)
    for point in range(len(points)):
        a, b = (values[points.row_splits[point] : points.row_splits[point + 1]] for values in (one, other))
        if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            result[point] = scipy.stats.spearmanr(a, b).statistic
    return result


def top_overlap(points: Points, one: np.ndarray, other: np.ndarray, k: int = 10) -> np.ndarray:
    """The part of the first k features by magnitude that two attributions share: float64 [n]; NaN without features.

    Of a point with fewer than k features all are among the first, so that they are compared by the larger half.
    """
    first, second = (ranks(points, np.abs(values)) for values in (one, other))
    lengths = np.diff(points.row_splits)
    limits = np.where(lengths > k, k, (lengths + 1) // 2)
    rows = points.rows()
    both = (first < limits[rows]) & (second < limits[rows])
    shared = np.bincount(rows[both], minlength=len(points)).astype(np.float64)
    return np.divide(shared, limits, out=np.full(len(points), np.nan), where=limits > 0)
