"""Weights of labels: what a hit counts in the metric that predictions are made for.

If the gain of k labels is the sum of w(l) over those that are true, its expectation is largest for the k labels with the largest
p(l | x) w(l). That is the Bayes rule for precision with equal weights, for PSP@k with inverse propensities, and for macro-averaged recall
with inverse frequencies (Schultheis, Wydmuch, Babbar and Dembczynski 2022, "On missing labels, long-tails and propensities in extreme
multi-label classification").
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from mach_tf.metrics.propensity import propensities


def _inverse_propensities(label_counts: np.ndarray, points: int, a: float, b: float) -> np.ndarray:
    return 1 / propensities(label_counts, points, a, b)


_WEIGHTS: dict[str, Callable[[np.ndarray, int, float, float], np.ndarray]] = {
    "psp": _inverse_propensities,
}
OBJECTIVES = tuple(_WEIGHTS)


def log_weights(objective: str, label_counts: np.ndarray, points: int, a: float = 0.55, b: float = 1.5) -> np.ndarray:
    """Returns the natural logarithms of the weights for an objective, float64 [K].

    Args:
      objective: one of OBJECTIVES.
      label_counts: int64 [K], the labels' training frequencies.
      points: the number of training points.
      a, b: the constants of the propensity model.

    Raises:
      InputError: too few training points for propensities.

    Example:
      >>> log_weights("psp", np.array([100, 1]), 1000).round(2)
      array([0.57, 1.93])
    """
    return np.log(_WEIGHTS[objective](label_counts, points, a, b))
