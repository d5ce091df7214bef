"""Quick lower bounds of differences of label scores that, unlike the screening, look at all repetitions together.

The squares of screening.py are summed over the units of all repetitions before the largest eigenvalue of their sum is bounded, again
by its trace and Frobenius norm. Many pairs of labels share the squared inner products of the columns of W1, so that a pair costs one row
of a matrix product, where quadratic_bounds.py solves an eigenvalue problem.
"""

from __future__ import annotations

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.hidden_units import HiddenUnits

# As in screening.py.
_VARIANCES = 3.0
_SMALLEST_SCALE = 1e-4
# The inner products of more units take too much memory.
_MOST_UNITS = 8192


class JointBounds:
    """Bounds weighted sums of the hidden units of one point."""

    def __init__(self, units: HiddenUnits):
        self.units = units
        self.unstable = np.flatnonzero(~units.stable)
        self.kernel = units.kernel.T.astype(np.float64)
        self.possible = len(units.kernel) > 0 and len(self.unstable) <= _MOST_UNITS
        if not self.possible:
            return
        half = units.box.half
        variance = np.square(self.kernel) @ np.square(half)
        scale = np.maximum(np.sqrt(units.centre**2 + _VARIANCES * variance), _SMALLEST_SCALE * units.magnitude)
        scale = np.maximum(scale, 1e-30)
        self.slope = np.where(units.stable, 1, (units.centre + scale) / (2 * scale))
        self.at_zero = ((units.centre + scale) ** 2 / (4 * scale))[self.unstable]
        self.squares = 1 / (4 * scale[self.unstable])
        scaled = (self.kernel[self.unstable] * half).astype(np.float32)
        self.norms = np.square(scaled, dtype=np.float64).sum(axis=1)
        products = np.abs(scaled @ scaled.T)
        roots = np.sqrt(self.norms).astype(np.float32)
        products += np.float32(2 * rounding.gamma(len(half) + 8, rounding.SINGLE)) * roots[:, None] * roots
        self.products = np.square(products, out=products)

    def bounds(self, weights: np.ndarray, constants: np.ndarray) -> np.ndarray:
        """Returns lower bounds, in the box, of sum_u c_u relu(z_u) + constant, float64 [m], rounded outward; -inf if there are too many units.

        Args:
          weights: float64 [m, M], c of each sum.
          constants: float64 [m].
        """
        if not self.possible:
            return np.full(len(weights), -np.inf)
        units, n = self.units, len(self.units.kernel)
        lines = weights * self.slope
        gradient = lines @ self.kernel
        negative = np.maximum(-weights[:, self.unstable], 0)
        # s z with s (z0 + a) for c >= 0; (z0 + p)^2 / (4 p) + s a + a^2 / (4 p) for c < 0.
        at_zero = negative @ (self.at_zero - (self.slope * units.centre)[self.unstable])
        value = lines @ units.centre + constants - at_zero - np.abs(gradient) @ units.box.half
        forms = (negative * self.squares).astype(np.float32)
        more = 1 + 4 * rounding.gamma(2 * len(self.unstable) + 32, rounding.SINGLE)
        trace = forms.astype(np.float64) @ self.norms
        frobenius = ((forms @ self.products) * forms).sum(axis=1).astype(np.float64)
        spread = np.maximum(frobenius * more - (trace / more) ** 2 / n, 0)
        flushed = len(self.unstable) * 2.0**-126 * (2 + float(self.norms.sum()) + float(forms.max(initial=0)))
        value -= more * (trace + np.sqrt(n * (n - 1) * (spread + flushed)) + flushed)
        magnitude = np.abs(weights) @ units.magnitude + np.abs(constants)
        # The rounding of z0 is divided by p, which is not below _SMALLEST_SCALE of the magnitude.
        relative = 16 * rounding.gamma(sum(units.kernel.shape) + 16) + rounding.gamma(n + 8) / _SMALLEST_SCALE
        return value - relative * magnitude
