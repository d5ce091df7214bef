"""Which labels could overtake a label at all: quick lower bounds of its lead over every other label.

Per repetition, each unstable unit is replaced from both sides by functions with one slope s = (z0 + p) / (2 p),

    s z <= relu(z) <= (z + p)^2 / (4 p) = (z0 + p)^2 / (4 p) + s a + a^2 / (4 p),      a = z - z0, any p > |z0|,

of which the upper one holds for all z because (z - p)^2 >= 0. As the slope does not depend on the sign of a weight, the linear
parts of all buckets are one matrix product. The squares add up to d' Q d with Q = sum_u q_u k_u k_u' over the columns k_u of W1,
which is at most the largest eigenvalue of Q times |d|^2. For n x n matrices with trace T and squared Frobenius norm F,

    largest eigenvalue <= T / n + sqrt((n - 1) / n (F - T^2 / n))                  (Wolkowicz and Styan 1980),

and F = q' G q with the squared inner products G of the columns, one more matrix product for all buckets. With p of the size that
a pre-activation has for typical perturbations this is far tighter than a chord, which pays for the worst case of each unit alone:
half the radius against about a quarter of p. The better of both is taken per repetition's bucket.

Matrix products are float32; their errors are bounded as rounding.py describes and subtracted.
"""

from __future__ import annotations

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.output_layer import OutputLayer

# p^2 = z0^2 + this times the variance of z under random perturbations: worst cases are a few times larger than random ones.
_VARIANCES = 3.0
_SMALLEST_SCALE = 1e-4
# Labels whose bounds are refined at a time.
_BLOCK = 4096


def screen(units: HiddenUnits, layer: OutputLayer, label: int) -> np.ndarray:
    """Returns lower bounds of score(label) - score(m) for every label m, float64 [K], also in the deployed float32 arithmetic.

    A positive bound proves that m never overtakes the label. The bound of the label itself has no meaning.

    Args:
      units: the hidden units of a point.
      layer: the second layers.
      label: the label that is to stay ahead.
    """
    parts = [_Repetition(units, layer, r, int(layer.table[r, label])) for r in range(len(layer.table))]
    half = units.box.half
    errors = units.score_errors
    certain = np.stack([part.rest - half @ np.abs(part.gradient) for part in parts])
    own = sum(errors[r, layer.table[r, label]] for r in range(len(parts)))
    bounds = np.zeros(layer.table.shape[1]) - own
    for r, row in enumerate(layer.table):
        bounds += (certain[r] - errors[r])[row]
    # The same perturbation acts on all repetitions: their gradients are added before the norm is taken.
    doubtful = np.flatnonzero(~(bounds > 0))
    for begin in range(0, len(doubtful), _BLOCK):
        some = doubtful[begin : begin + _BLOCK]
        gradient = np.zeros((len(half), len(some)))
        value = np.full(len(some), -own)
        for r, part in enumerate(parts):
            buckets = layer.table[r, some]
            gradient += part.gradient[:, buckets]
            value += (part.rest - errors[r])[buckets]
        bounds[some] = np.maximum(bounds[some], value - half @ np.abs(gradient))
    return bounds


class _Repetition:
    """Lower bounds of the differences between one bucket's logit and every other's, divided by R: gradient d + rest.

    Attributes:
      gradient: float64 [n, B], the linear part.
      rest: float64 [B], a lower bound of everything else, rounding included.
    """

    def __init__(self, units: HiddenUnits, layer: OutputLayer, repetition: int, bucket: int):
        repetitions, own = len(layer.table), slice(*units.splits[repetition : repetition + 2])
        rows = units.position[own] - repetition * layer.kernels.shape[1]
        kernel, centre = units.kernel[:, own], units.centre[own]
        lower, upper, stable = units.lower[own], units.upper[own], units.stable[own]
        weights = layer.kernels[repetition][rows]
        difference = weights[:, [bucket]] - weights
        negative = np.maximum(-difference, 0)
        half = units.box.half
        variance = np.square(half) @ np.square(kernel, dtype=np.float64)
        # Not below a share of the magnitude, so that the rounding of z0, divided by p, stays below what is subtracted at the end.
        scale = np.maximum(np.sqrt(centre**2 + _VARIANCES * variance), _SMALLEST_SCALE * units.magnitude[own])
        scale = np.maximum(scale, 1e-30)

        slope = np.where(stable, 1, (centre + scale) / (2 * scale)).clip(0, 1).astype(np.float32)
        wide = slope.astype(np.float64)
        linear = (kernel * slope) @ difference
        at_centre = (wide * centre).astype(np.float32) @ difference
        # relu(z) - s z is at least 0, and at most what the chord between the box's ends or the square says.
        chord = np.where(stable, 0, np.maximum(-wide * lower, (1 - wide) * upper))
        # (z + p)^2 / (4 p) with the slope rounded to float32: its difference from s z at a = 0, and the slope's error times a.
        at_zero = np.where(stable, 0, (centre + scale) ** 2 / (4 * scale) - wide * centre)
        at_zero += np.where(stable, 0, np.abs((centre + scale) / (2 * scale) - wide) * (upper - lower))
        squares = np.where(stable, 0, 1 / (4 * scale))
        more = 1 + 4 * rounding.gamma(2 * len(rows) + 2 * len(kernel) + 16, rounding.SINGLE)
        by_chord = (chord.astype(np.float32) @ negative).astype(np.float64)
        by_square = (at_zero.astype(np.float32) @ negative).astype(np.float64)
        by_square += _largest_forms(kernel, half, squares.astype(np.float32)[:, None] * negative, more)
        excess = np.minimum(by_chord, by_square) * more**2

        radius = np.sqrt(np.square(2 * units.magnitude[own]).sum())
        norms = layer.norms[repetition]
        rounded = rounding.gamma(len(rows) + 8, rounding.SINGLE) * radius * (norms + norms[bucket])
        operations, largest = (
            len(rows) * (len(kernel) + 4),
            np.abs(kernel).max(initial=0) + np.abs(difference).max(initial=0),
        )
        rounded += operations * 2.0**-126 * (2 + float(largest)) * (1 + half.sum())
        bias = layer.biases[repetition]
        self.gradient = linear.astype(np.float64) / repetitions
        self.rest = (at_centre + bias[bucket] - bias - excess - rounded) / repetitions
        self.rest -= 64 * rounding.DOUBLE * (np.abs(self.rest) + np.abs(bias) + abs(bias[bucket]))


def _largest_forms(kernel: np.ndarray, half: np.ndarray, squares: np.ndarray, more: float) -> np.ndarray:
    """Returns upper bounds of sum_u q_u (k_u d)^2 over the box for each column q of `squares`, float64 [B]."""
    n = len(kernel)
    if not n:
        return np.zeros(squares.shape[1])
    # In units of half the box's width, |d|^2 is at most n.
    scaled = kernel * half[:, None].astype(np.float32)
    norms = np.square(scaled).sum(axis=0)
    products = np.abs(scaled.T @ scaled)
    products += np.float32(2 * rounding.gamma(n + 2, rounding.SINGLE)) * np.sqrt(norms[:, None] * norms)
    trace = (norms @ squares).astype(np.float64)
    frobenius = ((np.square(products) @ squares) * squares).sum(axis=0).astype(np.float64) * more
    spread = np.maximum(frobenius - (trace / more) ** 2 / n, 0)
    return more * trace + np.sqrt(n * (n - 1) * spread)
