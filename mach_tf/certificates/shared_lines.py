"""One line per hidden unit that is below ReLU and parallel to bounds above it, so that bounds for all labels share matrix products.

For an unstable unit with the pre-activation z0 in the middle of the box, a = z - z0, and any p >= |z0|,

    s z <= relu(z) <= (z + p)^2 / (4 p) = (z0 + p)^2 / (4 p) + s a + a^2 / (4 p),      s = (z0 + p) / (2 p) in [0, 1],

the right one for all z because (z - p)^2 >= 0. Also relu(z) - s z is at most its value at an end of the unit's interval. The slope s
does not depend on the sign of a weight. So, of the lead sum_u c_u relu(z_u) of a label over another, the linear part sum_u c_u s_u z_u is
a difference between the two labels' own linear parts, which are sums over their buckets; the rest is at least 0 where c_u >= 0.

Matrix products are float32; their errors are bounded as rounding.py describes, by norms, and charged to each bucket.
"""

from __future__ import annotations

import functools

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.largest_forms import LargestForms
from mach_tf.certificates.output_layer import OutputLayer

# p^2 = z0^2 + this times the variance of z under random perturbations: worst cases are a few times larger than random ones.
_VARIANCES = 8.0
# p is at least this share of the magnitude, so that the rounding of z0, which the squares divide by p, stays small.
_SMALLEST_SCALE = 1e-4


class SharedLines:
    """The lines of one point's units, and the linear part of each bucket's logit.

    All parts of a sum of logits; a score is the R-th part of it.

    Attributes:
      units: the hidden units.
      layer: the second layers.
      chord: float32 [M], upper bounds of relu(z) - s z in the box; 0 for stable units.
      at_zero, squares: float32 [M], relu(z) - s z is also at most at_zero + squares a^2; 0 for stable units.
      columns: float32 [M, n], the columns of W1 in units of half the box's width.
      gradients: float32 [R, B, n], linear parts of logits: their slopes, in the same units,
      values: float64 [R, B], their values in the middle of the box,
      slack: float64 [R, B], and the most by which rounding falsifies them, including the deployed network's own rounding.
    """

    def __init__(self, units: HiddenUnits, layer: OutputLayer):
        self.units, self.layer = units, layer
        n, stable, centre = len(units.kernel), units.stable, units.centre
        half = units.box.half.astype(np.float32)
        self.columns = np.multiply(units.kernel.T, half, order="C")
        variance = np.einsum("un,un->u", self.columns, self.columns).astype(np.float64)
        scale = np.maximum(np.sqrt(centre**2 + _VARIANCES * variance), _SMALLEST_SCALE * units.magnitude)
        scale = np.maximum(scale, 1e-30)
        exact = np.where(stable, 1, (centre + scale) / (2 * scale)).clip(0, 1)
        slope = exact.astype(np.float32)
        wide = slope.astype(np.float64)
        self.chord = np.where(stable, 0, np.maximum(-wide * units.lower, (1 - wide) * units.upper)).astype(np.float32)
        # (z0 + p)^2 / (4 p) - s z0, and what the slope's rounding changes at z.
        at_zero = (scale - centre) * (scale + centre) / (4 * scale)
        at_zero += np.abs(exact - wide) * (np.abs(centre) + units.upper - units.lower)
        # The rounding of z0: at most gamma times the magnitude, times the derivative of the square, at most magnitude / p.
        at_zero += rounding.gamma(n + 8) * units.magnitude * (8 + 2 * units.magnitude / scale)
        self.at_zero = np.where(stable, 0, at_zero).astype(np.float32)
        self.squares = np.where(stable, 0, 1 / (4 * scale)).astype(np.float32)

        repetitions, _, buckets = layer.kernels.shape
        self.gradients = np.empty((repetitions, buckets, n), np.float32)
        self.values, self.slack = np.empty((repetitions, buckets)), np.empty((repetitions, buckets))
        tilted, height = self.columns * slope[:, None], (wide * centre).astype(np.float32)
        factors = (tilted, height, self.chord, self.at_zero)
        largest = sum(float(np.abs(each).max(initial=0)) for each in factors)
        for r, weights in enumerate(self.weights):
            own = self.own(r)
            np.matmul(weights.T, tilted[own], out=self.gradients[r])
            self.values[r] = height[own] @ weights + layer.biases[r]
            # Products over the units, sums over the repetitions, and the roundings of the factors; twice, for sums in float64.
            share = 2 * rounding.gamma(len(weights) + repetitions + 16, rounding.SINGLE)
            norm = np.sqrt(np.square(units.magnitude[own]).sum())
            operations = (len(weights) + repetitions) * (n + 32)
            lost = operations * rounding.SMALLEST_NORMAL * (4 + largest + 2 * float(layer.norms[r].max(initial=0)))
            self.slack[r] = share * (norm * layer.norms[r] + np.abs(layer.biases[r])) + lost
        self.slack += repetitions * units.score_errors
        # Of the sum of n absolute values of sums over the repetitions.
        self.more = 1 + 2 * rounding.gamma(n + 8, rounding.SINGLE)

    def own(self, repetition: int) -> slice:
        """Returns which units are those of a repetition."""
        return slice(*self.units.splits[repetition : repetition + 2])

    @functools.cached_property
    def weights(self) -> list[np.ndarray]:
        """W2 of the units of each repetition, float32 [M_r, B]."""
        hidden, position = self.layer.kernels.shape[1], self.units.position
        return [kernel[position[self.own(r)] - r * hidden] for r, kernel in enumerate(self.layer.kernels)]

    @functools.cached_property
    def forms_of_repetitions(self) -> list[LargestForms]:
        """The squared inner products of each repetition's columns."""
        return [LargestForms(self.columns[self.own(r)]) for r in range(len(self.values))]

    @functools.cached_property
    def forms(self) -> LargestForms:
        """The squared inner products of all unstable columns."""
        return LargestForms(self.columns[self.unstable])

    @functools.cached_property
    def unstable(self) -> np.ndarray:
        """int64, the units that are not stable."""
        return np.flatnonzero(~self.units.stable)
