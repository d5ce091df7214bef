"""Lower bounds of differences of label scores that know that hidden units cannot all be at their worst at once.

A difference of scores is F(d) = sum_u c_u relu(z_u) + constant with z = z0 + d K, d in the box |d_i| <= h_i. The linear
relaxation gives each unstable unit with c_u < 0 its chord, as if every z_u could be in the middle of its own range; but the
radius of that range is an L1 norm that only one perturbation attains, and no perturbation attains it for many units. Here, for
any p_u > 0,

    relu(z) <= (z + p)^2 / (4 p)         for all z, because (z + p)^2 - 4 p z = (z - p)^2 >= 0,

with equality at z = p. With these squares F(d) >= constant' + g d - d' Q d for Q = sum_u |c_u| / (4 p_u) k_u k_u'. For a diagonal
D with P = D - Q positive semidefinite, -d' Q d = d' P d - d' D d >= d' P d - sum_i D_i h_i^2, and d' P d, which is convex, is at
least its tangent at any x:

    F(d) >= constant' - sum_i D_i h_i^2 - x' P x - sum_i h_i |g + 2 P x|_i.

Every p, D and x gives a bound; they are improved in turn. This is a solution of the dual of a semidefinite relaxation (as in
Raghunathan et al. 2018) that costs one eigenvalue problem of the size of the point per turn.

diagonal_forms.py finds D; the errors of all sums are charged to the bound.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.diagonal_forms import DiagonalForm, diagonal_form
from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.linear_bounds import slopes

_TURNS = 5
_FIRST_GROWTH = 1.5
# Of the entries of D that cost nothing at the present tangent point; as it moves, a larger share gives worse bounds (measured).
_FREE_SHARE = 0.4
# With more entries a point's matrix takes too much memory and time.
MOST_ENTRIES = 4096
_TANGENT_STEPS = 40


class QuadraticBound(NamedTuple):
    """A lower bound, and a perturbation of the box that comes near it.

    Attributes:
      bound: the lower bound of F in the box; -inf if none was found.
      value: F at `perturbation`, without regard to rounding; infinite if the bound was reached before one was looked for.
      perturbation: float64 [n].
    """

    bound: float
    value: float
    perturbation: np.ndarray


class _End(NamedTuple):
    """Where a search ended.

    Attributes:
      x: float64 [n], the tangent point.
      free: float64 [n], entries of D that cost little.
      growth: by how much D exceeds the diagonal of Q, which is the worst case of a square against its mean.
    """

    x: np.ndarray
    free: np.ndarray
    growth: float


class QuadraticRelaxation:
    """Bounds weighted sums of the hidden units of one point, each from where the one before ended."""

    def __init__(self, units: HiddenUnits):
        self.units = units
        self.entries = len(units.kernel)
        # Where the last sum of each family ended.
        self._ends: dict[int, _End] = {}

    @functools.cached_property
    def columns(self) -> np.ndarray:
        """The columns of W1, of the point's entries, float32 [M, n]."""
        return np.ascontiguousarray(self.units.kernel.T)

    @functools.cached_property
    def wide(self) -> np.ndarray:
        """The same in float64."""
        return self.columns.astype(np.float64)

    @functools.cached_property
    def squared(self) -> np.ndarray:
        """The squares of `columns`."""
        return np.square(self.columns)

    def bound(self, weights: np.ndarray, constant: float, enough: float, family: int = 0) -> QuadraticBound:
        """Bounds sum_u weights_u relu(z_u) + constant from below.

        Args:
          weights: float64 [M], c.
          constant: what is added.
          enough: the bound that is aimed at; once it is reached, or a perturbation does not exceed it, the search ends. Infinite
            for the best bound.
          family: sums of one family are alike, such as the leads of one label, so that each starts where the one before ended.
        """
        none = QuadraticBound(-np.inf, np.inf, np.zeros(self.entries))
        if self.entries > MOST_ENTRIES:
            return none
        if not self.entries:
            value = float(weights @ np.maximum(self.units.centre, 0) + constant)
            magnitude = float(np.abs(weights) @ self.units.magnitude + abs(constant))
            return none._replace(bound=value - 4 * rounding.gamma(len(weights) + 8) * magnitude, value=value)
        best = none
        middle = _End(np.zeros(self.entries), np.zeros(self.entries), _FIRST_GROWTH)
        # The end of an easy sum may be a bad start for a hard one, which then starts in the middle again.
        for start in [self._ends[family], middle] if family in self._ends else [middle]:
            search = _Search(self, weights, constant, start)
            before = -np.inf
            for _ in range(_TURNS):
                bound = search.turn()
                best = best._replace(bound=max(best.bound, bound))
                if best.bound <= enough:
                    value, where = search.smallest_value()
                    if value < best.value:
                        best = best._replace(value=value, perturbation=where)
                if best.bound > enough or best.value <= enough < np.inf:
                    self._ends[family] = _End(search.x, search.free, search.growth)
                    return best
                if enough < np.inf and bound - before < 0.02 * (enough - bound):
                    break
                before = bound
        return best


class _Search:
    """Improves p, D, the tangent point x and the slopes of the units with c >= 0 in turn."""

    def __init__(self, relaxation: QuadraticRelaxation, weights: np.ndarray, constant: float, start: _End):
        self.weights, self.constant = weights, constant
        self.units, self.half = relaxation.units, relaxation.units.box.half
        self.columns, self.wide, self.squared = relaxation.columns, relaxation.wide, relaxation.squared
        self.stable = self.units.stable
        self.negative = np.flatnonzero((weights < 0) & ~self.stable)
        self.chord, self.intercept, self.below = slopes(self.units)
        self.x, self.free, self.growth = start

    def turn(self) -> float:
        """Makes one bound, float; leaves the tangent point for the next turn."""
        units, negative, half = self.units, self.negative, self.half
        expected, spread = self._moments()
        if self.x.any():
            # The slopes below ReLU move to how often each unit is active near the tangent point.
            active = 0.5 + 0.5 * np.clip(expected / (np.sqrt(spread) + 1e-12), -1, 1)
            self.below = np.where(self.stable, 1, active)
        z, deviation = units.centre[negative], self.growth * spread[negative] + 1e-12
        root = np.sqrt(expected[negative] ** 2 + deviation)
        square = ((expected[negative] + root) ** 2 + deviation) / (4 * root)
        line = self.chord[negative] * expected[negative] + self.intercept[negative]
        squares = np.where(square < line, 1 / (4 * root), 0)
        weight = -self.weights[negative]
        slope = np.where(squares > 0, (z + root) / (2 * root), self.chord[negative])
        at_zero = np.where(
            squares > 0, (z + root) ** 2 / (4 * root), self.chord[negative] * z + self.intercept[negative]
        )

        lines = np.where(self.stable, self.weights, np.maximum(self.weights, 0) * self.below)
        lines[negative] = 0
        fixed = np.where(lines != 0, lines * units.centre, 0)
        fixed[negative] = -weight * at_zero
        lines[negative] = -weight * slope
        form = diagonal_form(self.columns[negative], weight * squares, half, self.free)
        if form is None:
            return -np.inf
        gradient = lines @ self.wide
        self.x = _tangent_point(gradient, form, half, self.x)
        pull = form.matrix @ self.x
        value = self.constant + fixed.sum() - form.excess - self.x @ pull - half @ np.abs(gradient + 2 * pull)
        m, n = self.wide.shape
        magnitude = np.abs(lines) @ units.magnitude + np.abs(fixed).sum() + abs(self.constant) + 4 * n * form.excess
        # The rounding of z0 times the derivative of the square's last term.
        reach = 2 * (units.upper - units.lower)[negative] * units.magnitude[negative]
        magnitude += (weight * squares) @ reach
        # A coordinate that x has at its end stays there for D_i up to |g - 2 Q x|_i / (2 h_i), at no cost.
        slope_at_end = np.abs(gradient + 2 * (pull - form.diagonal * self.x))
        self.free = _FREE_SHARE * np.divide(slope_at_end, 2 * half, out=np.zeros(n), where=half > 0)
        room = half**2 - self.x**2
        of_q = float((form.diagonal - np.diag(form.matrix)) @ room)
        self.growth = max(float(form.diagonal @ room) / of_q, 1.0) if of_q > 0 else 1.0
        return float(value - 8 * rounding.gamma(2 * n + m + 32) * magnitude)

    def smallest_value(self) -> tuple[float, np.ndarray]:
        """Returns F where the tangent points to, on the corner of the box next to x, and that perturbation."""
        corner = np.where(np.abs(self.x) > 0, np.sign(self.x) * self.half, 0)
        candidates = np.stack([corner, self.x])
        values = np.maximum(self.units.centre + candidates @ self.wide.T, 0) @ self.weights + self.constant
        best = int(np.argmin(values))
        return float(values[best]), candidates[best]

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and variance of each pre-activation for random perturbations around the tangent point; float64 [M]."""
        expected = self.units.centre + self.columns @ self.x.astype(np.float32)
        return expected, (self.squared @ (self.half**2 - self.x**2).clip(0).astype(np.float32)).astype(np.float64)


def _tangent_point(gradient: np.ndarray, form: DiagonalForm, half: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Returns about the x with the smallest g x + x' P x in the box, by accelerated projected gradients (Nesterov 1983)."""
    largest = np.float32(2 * form.diagonal.max())  # P is at most D
    if largest <= 0:
        return -half * np.sign(gradient)
    # Any point of the box gives a bound, so float32 suffices.
    step, twice = (gradient / largest).astype(np.float32), (2 * form.matrix / largest).astype(np.float32)
    room = half.astype(np.float32)
    best = ahead = x.astype(np.float32)
    momentum = 1.0
    for _ in range(_TANGENT_STEPS):
        moved = ahead - step - twice @ ahead
        np.clip(moved, -room, room, out=moved)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + np.float32((momentum - 1) / following) * (moved - best)
        best, momentum = moved, following
    return np.clip(best.astype(np.float64), -half, half)
