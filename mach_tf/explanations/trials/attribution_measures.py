"""Measures of attributions from the literature, one value per point: sparseness, infidelity, correlation with removals, sensitivity.

They are over the features that a point has. A feature that it lacks has no attribution from a zero baseline and nothing to remove; with
all D inputs of the model, n of which a point has, the Gini index would be 1 - (1 - Gini) n / D.
"""

from __future__ import annotations

import dataclasses
from typing import Callable

import numpy as np

from mach_tf.explanations.trials.feature_removal import ScoreFunction, first_features, keep_features, ranks
from mach_tf.points import Points

# The attributions of the features of n points, float64 [nonzeros].
AttributionFunction = Callable[[Points], np.ndarray]


def gini(points: Points, attributions: np.ndarray) -> np.ndarray:
    """Returns the Gini index of the magnitudes of each point's attributions (Hurley and Rickard 2009; Chalasani et al. 2020).

    It is 0 if all are equal, and 1 - 1/n if one of n has everything: the larger, the sparser.

    Args:
      points: n points.
      attributions: float [nonzeros], aligned with the points' features.

    Returns:
      float64 [n]; NaN if a point has no features, or if all attributions are 0.
    """
    sizes = np.abs(attributions)
    lengths = np.diff(points.row_splits)
    rows = points.rows()
    place = lengths[rows] - ranks(points, sizes)  # 1 for the smallest
    total = np.bincount(rows, sizes, len(points))
    weighted = np.bincount(rows, (2 * place - lengths[rows] - 1) * sizes, len(points))
    return np.divide(weighted, lengths * total, out=np.full(len(points), np.nan), where=total > 0)


def random_removals(points: Points, share: float, runs: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Draws sets of features to remove: `share` of each point's features, rounded up.

    Returns:
      A mask of the removed features, bool [nonzeros], for each of the runs.
    """
    orders = (ranks(points, generator.random(len(points.feature_ids))) for _ in range(runs))
    return [first_features(points, order, share) for order in orders]


def score_changes(points: Points, removals: list[np.ndarray], score: ScoreFunction) -> np.ndarray:
    """Returns how much of the score of each point is lost without the removed features, float64 [n, runs]."""
    whole = score(points)
    return np.stack([whole - score(keep_features(points, ~removed)) for removed in removals], axis=1)


def removed_sums(points: Points, attributions: np.ndarray, removals: list[np.ndarray]) -> np.ndarray:
    """Returns the sum of the attributions of the removed features of each point, float64 [n, runs]."""
    rows = points.rows()
    return np.stack([np.bincount(rows, attributions * removed, len(points)) for removed in removals], axis=1)


def infidelity(sums: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Returns the mean squared difference of both (Yeh et al. 2019), float64 [n].

    Args:
      sums: [n, runs], what the attributions say that each removal changes.
      changes: [n, runs], what it changes.
    """
    return np.square(sums - changes).mean(axis=1)


def faithfulness_correlation(sums: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Returns Pearson's correlation of both over the runs (Bhatt et al. 2020), float64 [n]; NaN where either is constant.

    Args:
      sums, changes: as for `infidelity`.
    """
    one, other = (values - values.mean(axis=1, keepdims=True) for values in (sums, changes))
    scale = np.sqrt(np.square(one).sum(axis=1) * np.square(other).sum(axis=1))
    varies = (np.ptp(sums, axis=1) > 0) & (np.ptp(changes, axis=1) > 0)
    return np.divide((one * other).sum(axis=1), scale, out=np.full(len(sums), np.nan), where=varies & (scale > 0))


def max_sensitivity(
    points: Points,
    attributions: np.ndarray,
    attribute: AttributionFunction,
    epsilon: float,
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Returns the largest change of each point's attributions under random perturbations (Yeh et al. 2019).

    The values of the features present are changed by up to epsilon each, uniformly at random, and the Euclidean size of the change of
    the attributions is divided by that of the attributions.

    Args:
      points: n points.
      attributions: float64 [nonzeros], of the points.
      attribute: returns the attributions of perturbed points.
      epsilon: the size of the perturbations.
      draws: the number of perturbations of each point.
      generator: draws them.

    Returns:
      float64 [n]; NaN if all attributions of a point are 0.
    """
    rows, largest = points.rows(), np.zeros(len(points))
    for _ in range(draws):
        noise = generator.uniform(-epsilon, epsilon, len(rows)).astype(np.float32)
        moved = attribute(dataclasses.replace(points, feature_values=points.feature_values + noise))
        change = np.sqrt(np.bincount(rows, np.square(moved - attributions), len(points)))
        largest = np.maximum(largest, change)
    size = np.sqrt(np.bincount(rows, np.square(attributions), len(points)))
    return np.divide(largest, size, out=np.full(len(points), np.nan), where=size > 0)
