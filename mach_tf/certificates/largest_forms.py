"""Upper bounds of weighted sums of squares over a box, many weightings at a time.

For columns k_u of a matrix, in units of half the box's width, sum_u q_u (k_u t)^2 with |t_i| <= 1 is, for any positive scales s_i, equal to
t' S Q S t with Q = sum_u q_u (k_u / s) (k_u / s)', and at most sum_i s_i^2 times the largest eigenvalue of Q. Coordinates with large entries
get larger scales: s_i^4 is in proportion to their mean square, which is between no scaling and equal diagonals (and better than both, as
measured). For n x n matrices with trace T and squared Frobenius norm F,

    largest eigenvalue <= T / n + sqrt((n - 1) / n (F - T^2 / n))                  (Wolkowicz and Styan 1980),

and F = q' G q with the squared inner products G of the scaled columns: one row of a matrix product for each weighting q.

Computed in float32. All terms are positive, so that errors are relative, apart from results below the normal numbers.
"""

from __future__ import annotations

import numpy as np

from mach_tf.certificates import rounding

# Rows of G that are corrected at a time.
_ROWS = 512


class LargestForms:
    """The squared inner products of M columns."""

    def __init__(self, columns: np.ndarray):
        """Prepares columns, float32 [M, n], one per row, in units of half the box's width; entries may be off by 2 roundings."""
        self.units, self.n = columns.shape
        scales = np.sqrt(np.sqrt(np.einsum("un,un->n", columns, columns)))
        # Any positive scales are right.
        scales = np.maximum(scales / scales.max(), np.float32(1 / 32)) if scales.any() else np.ones_like(scales)
        self.room = (1 + 2.0**-40) * float(np.square(scales, dtype=np.float64).sum())
        columns = columns / scales
        # The largest value that a sum of products may have lost, relative to the product of norms.
        lost = np.float32(2 * rounding.gamma(self.n + 8, rounding.SINGLE))
        # 2^-40 covers what entries and products lose below the normal numbers.
        roots = np.sqrt((1 + 8 * rounding.SINGLE) * np.square(columns, dtype=np.float64).sum(axis=1)) + 2.0**-40
        self.norms = np.square(roots)
        roots = roots.astype(np.float32)
        products = columns @ columns.T
        np.abs(products, out=products)
        for begin in range(0, self.units, _ROWS):
            products[begin : begin + _ROWS] += (lost * roots[begin : begin + _ROWS, None]) * roots
        self.products = np.square(products, out=products)

    def bounds(self, weights: np.ndarray) -> np.ndarray:
        """Returns an upper bound of sum_u q_u (k_u t)^2 for each row q of `weights`, float64 [m].

        Args:
          weights: float32 [m, M], not negative; may be off by 3 roundings.
        """
        n, units = self.n, self.units
        if not n or not units:
            return np.zeros(len(weights))
        more = 1 + 4 * rounding.gamma(2 * units + n + 32, rounding.SINGLE)
        trace = weights @ self.norms
        frobenius = np.einsum("mu,mu->m", weights @ self.products, weights).astype(np.float64)
        # A weight, a squared product or a term that falls below the normal numbers loses at most 2^-126.
        tiny = rounding.SMALLEST_NORMAL
        total = float(self.norms.sum())
        trace_lost = 2 * tiny * total
        frobenius_lost = tiny * (units + 1) ** 2 * (1 + 4 * weights.max(axis=1, initial=0).astype(np.float64)) ** 2
        frobenius_lost += 4 * trace_lost * (trace + trace_lost)
        spread = np.maximum(more * frobenius + frobenius_lost - (trace / more) ** 2 / n, 0)
        return self.room / n * more * (trace + trace_lost + np.sqrt(n * (n - 1) * spread))
