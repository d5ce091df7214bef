"""Bounds of the pre-activations of all hidden units while a point moves in a box: exact, apart from outward rounding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.perturbations import Box

# Rows of W1 that are converted to float64 at a time.
_ROWS = 2048


class HiddenUnits(NamedTuple):
    """The M hidden units, of all repetitions, that can be active in the box; the others are 0 throughout.

    With a perturbation d of the box's middle the pre-activations are centre + d kernel.

    Attributes:
      kernel: float32 [n, M], W1 in the rows of the point's entries.
      position: int64 [M], r * H + u of each unit, ascending.
      splits: int64 [R + 1]; repetition r has the units splits[r]:splits[r + 1].
      centre, lower, upper: float64 [M], the pre-activation at the middle, and its bounds in the box.
      magnitude: float64 [M], sum of |x| |W1| over the entries, plus |b1|; no term of a bound exceeds it.
      box: the box.
      score_errors: float64 [R, B], rounding.score_error_sketch.
    """

    kernel: np.ndarray
    position: np.ndarray
    splits: np.ndarray
    centre: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    magnitude: np.ndarray
    box: Box
    score_errors: np.ndarray

    @property
    def stable(self) -> np.ndarray:
        """bool [M], the units that are active throughout the box."""
        return self.lower >= 0


def hidden_units(kernel: np.ndarray, biases: np.ndarray, box: Box, layer: OutputLayer) -> HiddenUnits:
    """Bounds the hidden units of all repetitions.

    Args:
      kernel: float32 [n, R * H], W1 of all repetitions side by side, in the rows of the point's entries.
      biases: float32 [R * H].
      box: the values that the entries may take.
      layer: the second layers.
    """
    n, repetitions = len(kernel), len(layer.table)
    centre = biases.astype(np.float64)
    radius, magnitude = np.zeros(len(centre)), np.abs(centre)
    for begin in range(0, n, _ROWS):
        rows = slice(begin, begin + _ROWS)
        wide = kernel[rows].astype(np.float64)
        centre += box.middle[rows] @ wide
        np.abs(wide, out=wide)
        radius += box.half[rows] @ wide
        magnitude += box.largest[rows] @ wide
    magnitude *= 1 + 2.0**-20
    outward = 2 * rounding.gamma(n + 8) * magnitude
    lower, upper = centre - radius - outward, centre + radius + outward
    largest = (float(box.largest.max(initial=0)), float(np.abs(kernel).max(initial=0)))
    error = rounding.hidden_error(n, magnitude, *largest)
    error = np.where(upper + error > 0, error, 0)
    errors = rounding.score_error_sketch(
        error.reshape(repetitions, -1), np.maximum(upper, 0).reshape(repetitions, -1), layer.norms, layer.biases
    )
    position = np.flatnonzero(upper > 0)
    splits = np.searchsorted(position, np.arange(repetitions + 1) * (len(biases) // repetitions))
    of_units = (centre[position], lower[position], upper[position], magnitude[position])
    return HiddenUnits(kernel[:, position], position, splits, *of_units, box, errors)
