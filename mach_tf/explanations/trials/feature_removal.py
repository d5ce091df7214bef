"""Is an attribution true of the model? Deletion and insertion curves, comprehensiveness and sufficiency.

Features are removed (their hashed value set to the baseline's, zero; the others keep theirs) or kept in the order that an
attribution gives, and the label's score is watched. If the attribution is right, removing its first features lowers the
score at once (DeYoung et al. 2020; Petsiuk et al. 2018).
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
    """Scores of n points at growing fractions of features.

    Attributes:
      deletion: float64 [n, fractions], without the first features.
      insertion: float64 [n, fractions], with the first features only.
    """

    deletion: np.ndarray
    insertion: np.ndarray


def ranks(points: Points, importance: np.ndarray) -> np.ndarray:
    """The rank of each feature in its point by importance, 0 for the largest, int64 [nonzeros]; ties by position."""
    rows = points.rows()
    order = np.lexsort((np.arange(len(rows)), -importance, rows))
    result = np.empty(len(rows), np.int64)
    result[order] = np.arange(len(rows)) - points.row_splits[rows[order]]
    return result


def first_features(points: Points, rank: np.ndarray, fraction: float) -> np.ndarray:
    """Which features are among the first fraction of their point, rounded up: bool [nonzeros]."""
    lengths = np.diff(points.row_splits)
    # A product such as 0.1 * 30 may come out above its true value: what is below 1e-9 is not another feature.
    counts = np.ceil(lengths * fraction - 1e-9)
    return rank < np.repeat(counts, lengths)


def keep_features(points: Points, kept: np.ndarray) -> Points:
    """The points with only the features where `kept`, bool [nonzeros], is true."""
    rows = points.rows()
    row_splits = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=len(points)))]).astype(np.int64)
    return dataclasses.replace(
        points, row_splits=row_splits, feature_ids=points.feature_ids[kept], feature_values=points.feature_values[kept]
    )


def curves(points: Points, importance: np.ndarray, fractions: Sequence[float], score: ScoreFunction) -> Curves:
    """Scores while features go and while they come, by importance.

    Args:
      points: n hashed points.
      importance: float [nonzeros], largest first to go or to come.
      fractions: of the features, in [0, 1].
      score: of each point's label.
    """
    rank = ranks(points, importance)
    deletion, insertion = [], []
    for fraction in fractions:
        first = first_features(points, rank, fraction)
        deletion.append(score(keep_features(points, ~first)))
        insertion.append(score(keep_features(points, first)))
    return Curves(np.stack(deletion, axis=1), np.stack(insertion, axis=1))


def area(scores: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """The area under each point's curve by the trapezoid rule: [n] of scores [n, fractions]."""
    widths = np.diff(np.asarray(fractions, np.float64))
    return ((scores[:, 1:] + scores[:, :-1]) * 0.5) @ widths
