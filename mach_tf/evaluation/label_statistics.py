"""What metrics need to know of the labels in training: their propensities and weights, and which are frequent."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from mach_tf import objectives
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics import breakdown, label_weights
from mach_tf.metrics.propensity import propensities

# Fewer training points have no propensities.
_FEWEST_POINTS = 3


class LabelStatistics(NamedTuple):
    """The labels in training; both are None if the dataset has too few training points to count them.

    Attributes:
      propensities: float64 [K].
      groups: int8 [K], head, torso or tail.
    """

    propensities: Optional[np.ndarray]
    groups: Optional[np.ndarray]


def label_statistics(
    dataset: DatasetManifest, label_counts: np.ndarray, a: float = 0.55, b: float = 1.5
) -> LabelStatistics:
    """Returns the statistics of a dataset's train split.

    Args:
      dataset: the manifest.
      label_counts: int64 [K], the training frequencies.
      a, b: the constants of the propensity model.
    """
    points = _training_points(dataset)
    if points < _FEWEST_POINTS:
        return LabelStatistics(None, None)
    return LabelStatistics(propensities(label_counts, points, a, b), breakdown.label_groups(label_counts))


def log_weights(
    objective: str, dataset: DatasetManifest, label_counts: np.ndarray, a: float = 0.55, b: float = 1.5
) -> Optional[np.ndarray]:
    """Returns the logarithms of the labels' weights for an objective, float64 [K]; None for precision, or too few training points.

    Args:
      objective: one of choices.OBJECTIVES.
      dataset, label_counts, a, b: as for `label_statistics`.
    """
    points = _training_points(dataset)
    if objective == objectives.PRECISION or points < _FEWEST_POINTS:
        return None
    return label_weights.log_weights(objective, label_counts, points, a, b)


def _training_points(dataset: DatasetManifest) -> int:
    return dataset.splits["train"].points if "train" in dataset.splits else 0
