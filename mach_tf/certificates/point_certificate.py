"""The statement about one point and one set of perturbations: what cannot change, proved pair of labels by pair of labels."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from mach_tf.certificates.branch_and_bound import smallest_difference
from mach_tf.certificates.hidden_units import HiddenUnits
from mach_tf.certificates.hits import certain_hits
from mach_tf.certificates.linear_bounds import linear_bounds
from mach_tf.certificates.output_layer import OutputLayer
from mach_tf.certificates.quadratic_bounds import QuadraticRelaxation
from mach_tf.certificates.screening import Leads
from mach_tf.certificates.shared_lines import SharedLines

# Pairs tried in the first round, which are the hardest, and in the largest.
_FIRST, _PAIRS = 4, 256
# From this many pairs on, the screening's more expensive bounds pay for what they prepare.
_BY_REPETITION, _JOINTLY = 64, 16


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
    branches: int = 0,
    larger: Optional[PointCertificate] = None,
) -> PointCertificate:
    """Proves what it can for one point.

    Args:
      units: the hidden units in the box of the point.
      layer: the second layers.
      top_labels: int [at least max(ks)], the labels that the network predicts for the unperturbed point, best first.
      true_labels: int, the true labels, ascending.
      ks: cut-offs, ascending.
      effort: the most pairs of labels that are bounded one by one; further pairs count as not proved.
      branches: the most branches of exact searches, which the hardest of the pairs left by all bounds get first; 0 for none.
      larger: what is proved for a box that holds this one, which need not be proved again.
    """
    scores = score_intervals(units, layer, top_labels)
    best = tuple(int(np.isin(top_labels[:k], true_labels).sum()) for k in ks)
    if larger is not None and larger.top_unchanged and larger.hits == best:
        return PointCertificate(True, best, scores, 0)
    search = _Search(units, layer, top_labels, true_labels, list(ks), effort, branches)
    search.prove_hits()
    unchanged, hits = search.prove_top(), search.hits()
    if larger is not None:
        unchanged, hits = unchanged or larger.top_unchanged, tuple(map(max, hits, larger.hits))
    return PointCertificate(unchanged, hits, scores, search.tried)


def score_intervals(units: HiddenUnits, layer: OutputLayer, labels: np.ndarray) -> np.ndarray:
    """Returns the lowest and highest score of each label in the box, by linear relaxation; float64 [m, 2]."""
    weights, constants, errors = _scores(units, layer, labels)
    low = linear_bounds(units, weights, constants) - errors
    high = -linear_bounds(units, -weights, -constants) + errors
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
        branches: int,
    ):
        self.units, self.layer, self.ks = units, layer, ks
        self.effort, self.tried, self.branches = effort, 0, branches
        self.top = int(top_labels[0])
        ranked = [int(label) for label in top_labels[: max(ks)] if label >= 0]
        true = {int(label) for label in true_labels}
        leaders = [label for label in ranked if label in true]
        self.true_leaders = len(leaders)
        if self.top not in true:
            leaders.append(self.top)
        self.leaders = np.array(leaders)
        lines = SharedLines(units, layer)
        self.leads = [Leads(lines, label) for label in leaders]
        self.open = np.ones((len(leaders), layer.table.shape[1]), bool)
        rank = {label: position for position, label in enumerate(ranked)}
        for row, label in enumerate(leaders):
            # The label itself, and those that are ahead of it already.
            self.open[row, [label, *ranked[: rank[label]]]] = False
        self.ahead = np.zeros_like(self.open)
        for row in range(len(leaders)):
            self._take_bounds(row)
        self.false = np.ones(self.open.shape[1], bool)
        self.false[true_labels] = False
        self.relaxation = QuadraticRelaxation(units)

    def hits(self) -> tuple[int, ...]:
        """Returns the certain hits at each k, of what is proved so far."""
        ahead = self.ahead[: self.true_leaders][:, self._rivals()]
        return tuple(certain_hits(ahead, k) for k in self.ks)

    def prove_hits(self) -> None:
        """Tries the pairs that may raise the certain hits: for j hits, those of the j best true labels."""
        for j in range(self.true_leaders, 0, -1):
            size = _FIRST
            while self._may_rise(j):
                wanted = self.open[:j] & self.false & (self.ahead[: self.true_leaders].sum(axis=0) < j)
                if not wanted.any() or not self._try(wanted, size, functools.partial(self._may_rise, j)):
                    break
                size = min(2 * size, _PAIRS)

    def prove_top(self) -> bool:
        """Tries to prove that the best label stays the best."""
        row, size = int(np.flatnonzero(self.leaders == self.top)[0]), _FIRST
        own = np.arange(len(self.leaders))[:, None] == row
        others = np.arange(self.open.shape[1]) != self.top

        def possible() -> bool:
            return bool((self.ahead | self.open)[row, others].all())

        while not self.ahead[row, others].all():
            if not possible() or not self._try(self.open & own, size, possible):
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

    def _take_bounds(self, row: int) -> None:
        """Marks what the bounds of a row's leads prove."""
        self.ahead[row] |= self.open[row] & (self.leads[row].bounds > 0)
        self.open[row] &= ~self.ahead[row]

    def _try(self, wanted: np.ndarray, size: int, useful: Callable[[], bool]) -> bool:
        """Bounds the `size` hardest of the wanted pairs, bool [t, K], while this is useful; returns False if no more may be bounded."""
        if size > _FIRST and wanted.sum() >= _BY_REPETITION:
            for row in np.flatnonzero(wanted.any(axis=1)):
                self.leads[row].bound_by_repetition(np.flatnonzero(wanted[row]))
                self._take_bounds(int(row))
            wanted = wanted & self.open[: len(wanted)]
        rows, rivals = np.nonzero(wanted)
        estimates = np.array([self.leads[row].estimates[rival] for row, rival in zip(rows, rivals)])
        hardest = np.argsort(estimates, kind="stable")[:size]
        rows, rivals = rows[hardest], rivals[hardest]
        if len(rows) >= _JOINTLY:
            for row in np.unique(rows):
                self.leads[row].bound_jointly(rivals[rows == row])
                self._take_bounds(int(row))
            left = self.open[rows, rivals]
            rows, rivals = rows[left], rivals[left]
        return not len(rows) or self._try_one_by_one(rows, rivals, useful)

    def _try_one_by_one(self, rows: np.ndarray, rivals: np.ndarray, useful: Callable[[], bool]) -> bool:
        own, less = (_scores(self.units, self.layer, labels) for labels in (self.leaders[rows], rivals))
        weights, constants, errors = own[0] - less[0], own[1] - less[1], own[2] + less[2]
        self.ahead[rows, rivals] = proved = linear_bounds(self.units, weights, constants) > errors
        self.open[rows, rivals] = ~proved
        for pair in np.flatnonzero(~proved):
            if self.tried >= self.effort:
                self.open[rows, rivals] = False
                return False
            if not useful():
                break
            self.open[rows[pair], rivals[pair]] = False
            self.tried += 1
            found = self.relaxation.bound(weights[pair], constants[pair], errors[pair], int(rows[pair]))
            bound = found.bound
            # A perturbation that brings the labels level, apart from rounding, leaves nothing to prove.
            if bound <= errors[pair] < found.value and self.branches:
                exact = smallest_difference(self.units, weights[pair], constants[pair], errors[pair], self.branches)
                self.branches -= exact.branches
                bound = exact.bound
            self.ahead[rows[pair], rivals[pair]] = bound > errors[pair]
        return True


def _scores(units: HiddenUnits, layer: OutputLayer, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns weights, constants and float32 errors of the scores of labels; float64 [m, M], [m] and [m]."""
    weights, constants = layer.label_weights(labels)
    errors = units.score_errors[np.arange(len(layer.table)), layer.table[:, labels].T].sum(axis=1)
    return weights.reshape(len(labels), -1)[:, units.position], constants, errors
