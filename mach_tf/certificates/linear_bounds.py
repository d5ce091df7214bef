"""Lower bounds of differences of label scores by linear relaxation (CROWN: Zhang et al. 2018).

A difference of scores is sum_u c_u relu(z_u) + constant over the units of all repetitions. Each unstable unit is replaced by a
line below c_u relu(z_u): for c_u < 0 the chord from (l, 0) to (u, u); for c_u >= 0 the line 0 or z, whichever leaves the smaller
area. The lines of all repetitions are summed into one linear function of the perturbation before its minimum over the box is
taken, because one perturbation acts on all repetitions.
"""

from __future__ import annotations

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.hidden_units import HiddenUnits


def linear_bounds(units: HiddenUnits, weights: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Returns lower bounds, in the box, of sums over hidden units, float64 [m], rounded outward.

    Args:
      units: the hidden units of a point.
      weights: float64 [m, M], c of each sum.
      constants: float64 [m].
    """
    chord, intercept, below = slopes(units)
    positive = weights >= 0
    lines = np.where(positive, below, chord) * weights
    fixed = np.where(positive, 0, weights) @ intercept
    return lines_minimum(units, lines, fixed + constants, np.abs(weights))


def lines_minimum(units: HiddenUnits, lines: np.ndarray, constants: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns lower bounds, in the box, of sums over hidden units of lines_u z_u, plus constants, float64 [m], rounded outward.

    Args:
      units: the hidden units of a point.
      lines: float64 [m, M].
      constants: float64 [m], which may hold sums of M terms.
      weights: float64 [m, M]; no term of the constants exceeds these times the magnitudes.
    """
    gradient = lines @ units.kernel.T.astype(np.float64)
    value = lines @ units.centre + constants - np.abs(gradient) @ units.box.half
    # Four sums, none with a term above the magnitude, and the rounding of chords and of the centre.
    magnitude = np.maximum(np.abs(lines), weights) @ units.magnitude + np.abs(constants)
    return value - 8 * rounding.gamma(sum(units.kernel.shape) + 16) * magnitude


def slopes(units: HiddenUnits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns of each unit the chord's slope and intercept, and the slope of the line below ReLU; float64 [M]."""
    lower, upper, stable = units.lower, units.upper, units.stable
    chord = np.where(stable, 1, upper / (upper - np.minimum(lower, 0)))
    intercept = np.where(stable, 0, -chord * lower)
    below = np.where(stable | (upper > -lower), 1.0, 0.0)
    return chord, intercept, below
