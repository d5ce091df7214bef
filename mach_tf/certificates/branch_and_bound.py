"""The smallest difference of two label scores in a box, by branch and bound: exact if it runs to its end.

A difference of scores is F = sum_u c_u relu(z_u) + constant. For fixed signs of the pre-activations of some units, the linear programme
over the perturbation and t_u,

    minimise  sum_{c_u < 0} c_u chord_u(z_u) + sum_{c_u >= 0} c_u t_u + constant,     t_u >= 0,  t_u >= z_u,

with relu(z_u) = z_u, z_u >= 0 or relu(z_u) = 0, z_u <= 0 for units of a fixed sign, is a lower bound of F there. It is exact but for the
chords, of units with c_u < 0; the unit whose chord is furthest below ReLU at the solution gets both signs in turn. The branch with the
lowest bound is split first.

The solver's solution is not trusted. Its multipliers a_u of t_u >= z_u, cut to [0, c_u], and b_u >= 0 of the fixed signs make one linear
function of the perturbation that is below F wherever the signs are as fixed; the minimum of that function over the box is computed
with outward rounding (Neumaier and Shcherbina 2004). A violated sign has a price, so that branches that hold no point get high bounds.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple, Optional

import numpy as np
import scipy.optimize

from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.linear_bounds import lines_minimum, slopes

# The price of a violated sign, in units of the sum of all weights.
_PRICE = 100.0


class ExactBound(NamedTuple):
    """What a search found.

    Attributes:
      bound: a lower bound of F in the box.
      value: the smallest value of F that was found in the box, without regard to rounding.
      perturbation: float64 [n], where.
      branches: number of linear programmes.
    """

    bound: float
    value: float
    perturbation: np.ndarray
    branches: int


class _Branch(NamedTuple):
    """What is known where the pre-activations of some units have fixed signs.

    Attributes:
      bound: a lower bound of F there.
      number: counts the branches, to order those with equal bounds.
      signs: int8 [M]; 0 for units whose sign is not fixed.
      split: the unit whose sign to fix next; -1 if the bound is exact.
    """

    bound: float
    number: int
    signs: np.ndarray
    split: int


def smallest_difference(
    units: HiddenUnits, weights: np.ndarray, constant: float, enough: float = np.inf, most: int = 1_000_000
) -> ExactBound:
    """Bounds sum_u weights_u relu(z_u) + constant from below, exactly but for rounding if the search runs to its end.

    Args:
      units: the hidden units of a point.
      weights: float64 [M], c.
      constant: what is added.
      enough: the bound that is aimed at; once it is reached, or a perturbation does not exceed it, the search ends. Infinite for the minimum.
      most: the largest number of linear programmes, at least 1.
    """
    search = _Search(units, weights, constant)
    open_branches = [search.branch(np.zeros(len(weights), np.int8), -np.inf)]
    while True:
        bound, split = open_branches[0].bound, open_branches[0].split
        if bound > enough or search.value <= enough < np.inf or split < 0 or search.branches + 2 > most:
            return ExactBound(bound, search.value, search.perturbation, search.branches)
        parent = heapq.heappop(open_branches)
        for sign in (-1, 1):
            signs = parent.signs.copy()
            signs[split] = sign
            heapq.heappush(open_branches, search.branch(signs, bound))


class _Search:
    """Solves the programmes of branches, and remembers the smallest value found."""

    def __init__(self, units: HiddenUnits, weights: np.ndarray, constant: float):
        self.units, self.weights, self.constant = units, weights, constant
        self.chord, self.intercept, _ = slopes(units)
        # In units of half the box's width, as all variables of a programme should have about one size.
        self.columns = units.kernel.T.astype(np.float64) * units.box.half
        self.bent_up = np.flatnonzero(~units.stable & (weights > 0))
        self.bent_down = ~units.stable & (weights < 0)
        self.value, self.perturbation, self.branches = np.inf, np.zeros(len(units.kernel)), 0

    def branch(self, signs: np.ndarray, inherited: float) -> _Branch:
        """Bounds F where the signs are as given; `inherited` is a bound of a larger part of the box."""
        self.branches += 1
        relaxed, active, inactive = self.bent_down & (signs == 0), signs > 0, signs < 0
        lines = np.where(relaxed, self.chord, 1.0) * self.weights
        lines[inactive] = lines[self.bent_up] = 0
        fixed = float(self.weights[relaxed] @ self.intercept[relaxed]) + self.constant
        solved = self._solve(lines, active, inactive)
        if solved is None:
            return _Branch(inherited, self.branches, signs, int(np.argmax(relaxed)) if relaxed.any() else -1)
        shares, prices, move = solved
        z = self.units.centre + self.columns @ move
        value = float(self.weights @ np.maximum(z, 0) + self.constant)
        if value < self.value:
            self.value, self.perturbation = value, move * self.units.box.half
        lines[self.bent_up] = shares
        lines[active] -= prices[active]
        lines[inactive] += prices[inactive]
        (bound,) = lines_minimum(self.units, lines[None], np.array([fixed]), np.abs(self.weights)[None])
        gaps = np.abs(np.where(relaxed, self.weights * (self.chord * z + self.intercept - np.maximum(z, 0)), 0))
        scale = float(np.abs(self.weights) @ self.units.magnitude) + abs(self.constant)
        split = int(np.argmax(gaps)) if gaps.size and gaps.max() > 1e-12 * scale else -1
        return _Branch(max(float(bound), inherited), self.branches, signs, split)

    def _solve(
        self, lines: np.ndarray, active: np.ndarray, inactive: np.ndarray
    ) -> Optional[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Solves a branch's programme.

        Returns:
          Multipliers of the units that bend up, [P], and of the fixed signs, [M], and the perturbation in units of half the box's
          width, [n]; None if the solver fails.
        """
        n, up, signed = self.columns.shape[1], self.bent_up, np.flatnonzero(active | inactive)
        sides = np.where(active, -1.0, 1.0)[signed]
        columns, centre = self.columns, self.units.centre
        # Variables: the perturbation, t, and by how much signs are violated.
        price = _PRICE * float(np.abs(self.weights).sum())
        objective = np.concatenate([lines @ columns, self.weights[up], [price]])
        rows = np.zeros((len(up) + len(signed), len(objective)))
        rows[: len(up), :n], rows[len(up) :, :n] = columns[up], sides[:, None] * columns[signed]
        rows[np.arange(len(up)), n + np.arange(len(up))] = -1
        rows[len(up) :, -1] = -1
        limits = np.concatenate([-centre[up], -sides * centre[signed]])
        bounds = [(-1.0, 1.0)] * n + [(0.0, None)] * (len(up) + 1)
        found = scipy.optimize.linprog(objective, rows, limits, bounds=bounds, method="highs")
        if found.x is None:
            return None
        multipliers = np.maximum(-found.ineqlin.marginals, 0)
        prices = np.zeros(len(lines))
        prices[signed] = multipliers[len(up) :]
        return np.minimum(multipliers[: len(up)], self.weights[up]), prices, np.clip(found.x[:n], -1, 1)
