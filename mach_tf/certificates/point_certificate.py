"""The statement about one point and one set of perturbations: what cannot change, proved pair of labels by pair of labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.hits import certain_hits
from mach_tf.certificates.joint_bounds import JointBounds
from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.quadratic_bounds import QuadraticRelaxation
from mach_tf.certificates.screening import screen

# Pairs bounded together by linear relaxation.
_PAIRS = 256
# From this many pairs on, bounds that take all repetitions together pay for what they prepare.
_JOINTLY = 16


@dataclasses.dataclass(frozen=True)
class PointCertificate:
    """What is proved for one point; it holds for the deployed float32 arithmetic.

    Attributes:
      top_unchanged: whether the best label stays the best.
      hits: int [ks], the number of true labels that are certain to be among the top k, for each k.
      scores: float64 [k, 2], the interval of each top label's score.
      pairs: number of pairs of labels that needed more than the screening.
    """

    top_unchanged: bool
    hits: tuple[int, ...]
    scores: np.ndarray
    pairs: int


def certify_point(
    units: HiddenUnits,
    layer: OutputLayer,
    top_labels: np.ndarray,
    true_labels: np.ndarray,
    ks: Sequence[int],
    effort: int,
) -> PointCertificate:
    """Proves what it can for one point.

    Args:
      units: the hidden units in the box of the point.
      layer: the second layers.
      top_labels: int [at least max(ks)], the labels that the network predicts for the unperturbed point, best first.
      true_labels: int, the true labels, ascending.
      ks: cut-offs, ascending.
      effort: the most pairs of labels that are bounded one by one; further pairs count as not proved.
    """
    search = _Search(units, layer, top_labels, true_labels, list(ks), effort)
    search.prove_hits()
    unchanged = search.prove_top()
    return PointCertificate(unchanged, search.hits(), score_intervals(units, layer, top_labels), search.tried)


def score_intervals(units: HiddenUnits, layer: OutputLayer, labels: np.ndarray) -> np.ndarray:
    """Returns the lowest and highest score of each label in the box, by linear relaxation; float64 [m, 2]."""
    weights, constants = layer.label_weights(labels)
    flat = weights.reshape(len(labels), -1)[:, units.position]
    errors = units.score_errors[np.arange(len(layer.table)), layer.table[:, labels].T].sum(axis=1)
    low = linear_bounds(units, flat, constants) - errors
    high = -linear_bounds(units, -flat, -constants) + errors
    return np.stack([low, high], axis=1)


class _Search:
    """Which pairs are proved, which were tried in vain, and which are open.

    `ahead` and `open` are bool [t, K] with one row per label that is to stay ahead: the true labels among the top ones, in the
    order of their ranks, and the best label if it is false.
    """

    def __init__(
        self,
        units: HiddenUnits,
        layer: OutputLayer,
        top_labels: np.ndarray,
        true_labels: np.ndarray,
        ks: list[int],
        effort: int,
    ):
        self.units, self.layer, self.ks = units, layer, ks
        self.effort, self.tried = effort, 0
        self.top = int(top_labels[0])
        ranked = [int(label) for label in top_labels[: max(ks)] if label >= 0]
        true = {int(label) for label in true_labels}
        self.leaders = [label for label in ranked if label in true]
        self.true_leaders = len(self.leaders)
        if self.top not in true:
            self.leaders.append(self.top)
        self.bounds = np.stack([screen(units, layer, label) for label in self.leaders])
        self.ahead = self.bounds > 0
        self.open = ~self.ahead
        rank = {label: position for position, label in enumerate(ranked)}
        for row, label in enumerate(self.leaders):
            # What is ahead already, and the label itself.
            self.ahead[row, label] = self.open[row, label] = False
            for other in ranked[: rank[label]]:
                self.ahead[row, other] = self.open[row, other] = False
        self.false = np.ones(self.ahead.shape[1], bool)
        self.false[true_labels] = False
        self.joint: Optional[JointBounds] = None
        self.relaxation = QuadraticRelaxation(units)
        self.weights: dict[int, tuple[np.ndarray, float, float]] = {}

    def hits(self) -> tuple[int, ...]:
        """Returns the certain hits at each k, of what is proved so far."""
        ahead = self.ahead[: self.true_leaders][:, self._rivals()]
        return tuple(certain_hits(ahead, k) for k in self.ks)

    def prove_hits(self) -> None:
        """Tries the pairs that may raise the certain hits: for j hits, those of the j best true labels, the hardest first."""
        for j in range(self.true_leaders, 0, -1):
            size = 4
            while self._may_rise(j):
                rows, columns = np.nonzero(
                    self.open[:j] & self.false & (self.ahead[: self.true_leaders].sum(axis=0) < j)
                )
                if not len(rows) or not self._try(rows, columns, size):
                    break
                size = min(2 * size, _PAIRS)

    def prove_top(self) -> bool:
        """Tries to prove that the best label stays the best."""
        row, size = self.leaders.index(self.top), 4
        wanted = np.ones(self.ahead.shape[1], bool)
        wanted[self.top] = False
        while not self.ahead[row][wanted].all():
            if not (self.ahead | self.open)[row][wanted].all():
                return False
            columns = np.flatnonzero(self.open[row])
            if not self._try(np.full(len(columns), row), columns, size):
                return False
            size = min(2 * size, _PAIRS)
        return True

    def _rivals(self) -> np.ndarray:
        """Returns the false labels that not every true leader is proved to stay ahead of."""
        return np.flatnonzero(self.false & ~self.ahead[: self.true_leaders].all(axis=0))

    def _may_rise(self, j: int) -> bool:
        rivals = self._rivals()
        ahead, still = (pairs[: self.true_leaders][:, rivals] for pairs in (self.ahead, self.open))
        possible = [certain_hits(ahead | still, k) for k in self.ks]
        return any(now < min(j, best) and best >= j for now, best in zip(self.hits(), possible))

    def _try(self, rows: np.ndarray, columns: np.ndarray, size: int) -> bool:
        """Bounds the `size` pairs with the lowest bounds; returns False if no more may be bounded."""
        order = np.argsort(self.bounds[rows, columns], kind="stable")[:size]
        rows, columns = rows[order], columns[order]
        pairs = [self._difference(self.leaders[row], int(column)) for row, column in zip(rows, columns)]
        weights = np.stack([weight for weight, _, _ in pairs])
        constants, errors = np.array([pair[1:] for pair in pairs]).T
        bounds = linear_bounds(self.units, weights, constants) - errors
        if size >= _JOINTLY:
            if self.joint is None:
                self.joint = JointBounds(self.units)
            bounds = np.maximum(bounds, self.joint.bounds(weights, constants) - errors)
        self.ahead[rows, columns] = bounds > 0
        self.open[rows, columns] = False
        for index in np.flatnonzero(~(bounds > 0)):
            if self.tried >= self.effort:
                return False
            self.tried += 1
            found = self.relaxation.bound(weights[index], constants[index], errors[index], int(rows[index]))
            self.ahead[rows[index], columns[index]] = found.bound > errors[index]
        return True

    def _difference(self, label: int, other: int) -> tuple[np.ndarray, float, float]:
        """Returns the weights and the constant of score(label) - score(other), and the float32 error of both scores."""
        weights, constant, error = self._of(label)
        less, by, rival_error = self._of(other)
        return weights - less, constant - by, error + rival_error

    def _of(self, label: int) -> tuple[np.ndarray, float, float]:
        if label not in self.weights:
            weights, constants = self.layer.label_weights(np.array([label]))
            rows = np.arange(len(self.layer.table))
            error = float(self.units.score_errors[rows, self.layer.table[:, label]].sum())
            self.weights[label] = (weights.reshape(-1)[self.units.position], float(constants[0]), error)
        return self.weights[label]
