"""Deletion and insertion curves: how a label's score changes as features are removed or added in order of importance.

A removed feature has the hashed value of the baseline, zero; the others keep their values. If an attribution is faithful to
the model, removing the features it ranks first lowers the score at once (DeYoung et al. 2020; Petsiuk et al. 2018).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Callable, NamedTuple

import numpy as np

from mach_tf.points import Points

# The scores of one label of each of n hashed points, float64 [n].
ScoreFunction = Callable[[Points], np.ndarray]


class Curves(NamedTuple):
    """Scores of n points at increasing fractions of their features.

    Attributes:
      deletion: float64 [n, fractions], without the most important features.
      insertion: float64 [n, fractions], with the most important features only.
    """

    deletion: np.ndarray
    insertion: np.ndarray


def ranks(points: Points, importance: np.ndarray) -> np.ndarray:
    """Returns the rank of each feature within its point, 0 for the most important, int64 [nonzeros]; ties by position."""
    rows = points.rows()
    order = np.lexsort((np.arange(len(rows)), -importance, rows))
    result = np.empty(len(rows), np.int64)
    result[order] = np.arange(len(rows)) - points.row_splits[rows[order]]
    return result


def first_features(points: Points, rank: np.ndarray, fraction: float) -> np.ndarray:
    """Returns which features are among the first `fraction` of their point, rounded up: bool [nonzeros]."""
    lengths = np.diff(points.row_splits)
    # A product such as 0.1 * 30 may exceed its true value by rounding, which must not count as another feature.
    counts = np.ceil(lengths * fraction - 1e-9)
    return rank < np.repeat(counts, lengths)


def keep_features(points: Points, kept: np.ndarray) -> Points:
    """Returns the points with only the features for which `kept`, bool [nonzeros], is true."""
    rows = points.rows()
    row_splits = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=len(points)))]).astype(np.int64)
    return dataclasses.replace(
        points, row_splits=row_splits, feature_ids=points.feature_ids[kept], feature_values=points.feature_values[kept]
    )


def curves(points: Points, importance: np.ndarray, fractions: Sequence[float], score: ScoreFunction) -> Curves:
    """Returns the scores as features are removed and as they are added, in order of importance.

    Args:
      points: n hashed points.
      importance: float [nonzeros]; the feature with the largest value is removed or added first.
      fractions: the fractions of the features that are removed or added, in [0, 1].
      score: returns the score of each point's label.
    """
    rank = ranks(points, importance)
    deletion, insertion = [], []
    for fraction in fractions:
        first = first_features(points, rank, fraction)
        deletion.append(score(keep_features(points, ~first)))
        insertion.append(score(keep_features(points, first)))
    return Curves(np.stack(deletion, axis=1), np.stack(insertion, axis=1))


def area(scores: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Returns the area under each point's curve by the trapezoid rule, [n], from scores [n, fractions]."""
    widths = np.diff(np.asarray(fractions, np.float64))
    return ((scores[:, 1:] + scores[:, :-1]) * 0.5) @ widths
