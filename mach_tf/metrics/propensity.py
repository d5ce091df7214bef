"""Label propensities: the probability that a label that applies to a point is recorded in the data."""

from __future__ import annotations

import numpy as np

from mach_tf.errors import InputError

# A and B' of Jain et al. 2016, section 5, by data set; "default" is their average, for all other data sets.
CONSTANTS = {"default": (0.55, 1.5), "wikipedia": (0.5, 0.4), "amazon": (0.6, 2.6)}


def propensities(label_counts: np.ndarray, points: int, a: float = 0.55, b: float = 1.5) -> np.ndarray:
    """Returns the propensities of Jain, Prabhu and Varma 2016 (Extreme Multi-label Loss Functions), equation 5.

    p_l = 1 / (1 + C e^(-a log(N_l + b))) with C = (log N - 1) (b + 1)^a: rare labels are often missing from the data,
    so a hit counts 1 / p_l in the propensity-scored metrics.

    Args:
      label_counts: N_l, the labels' training frequencies, [K].
      points: N, the number of training points, with or without labels; at least 3, because C is negative below.
      a, b: the paper's A and B; see CONSTANTS.

    Returns:
      float64 [K], in (0, 1].

    Raises:
      InputError: fewer than 3 training points.
    """
    if points < 3:
        raise InputError(f"propensities need at least 3 training points (got {points}).")
    c = (np.log(points) - 1) * (b + 1) ** a
    return 1 / (1 + c * np.exp(-a * np.log(np.asarray(label_counts, np.float64) + b)))
