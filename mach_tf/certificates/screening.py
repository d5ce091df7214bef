"""Quick lower bounds of a label's lead over every other label, so that few pairs of labels are left for better ones.

The linear part of a lead, whose worst case over the box is exact, is that of shared_lines.py. What is left, sum_u q_u (relu(z_u) - s_u z_u)
over the units with negative weight, has three upper bounds of rising cost: by the ends of each unit's interval; by
the squares of each repetition's units, whose largest value over the box is bounded by an eigenvalue; and by the squares of
all units together, for one perturbation acts on all repetitions.
"""

from __future__ import annotations

from typing import Union

import numpy as np

from mach_tf.certificates import rounding
from mach_tf.certificates.shared_lines import SharedLines

# Labels that are bounded at a time.
_BLOCK = 256
# The inner products of more units take too much memory.
_MOST_UNITS = 8192


class Leads:
    """Lower bounds of score(label) - score(m) for every label m, also in the deployed float32 arithmetic.

    A positive bound proves that m never overtakes the label. The bound of the label itself has no meaning.

    Attributes:
      label: the label that is to stay ahead.
      added: float64 [K], lower bounds of what a ranker adds to the lead over each label; zeros for none.
      bounds: float64 [K], the best bounds so far.
      estimates: float64 [K], bounds of the linear parts and of `added` alone, which order labels by how hard they are; for labels with
        a positive bound from the start they may be lower.
    """

    def __init__(self, lines: SharedLines, label: int, added: np.ndarray):
        self.lines, self.label, self.added = lines, label, added
        layer = lines.layer
        self._buckets = layer.table[:, label]
        repetitions, labels = layer.table.shape
        self._excess = np.empty((repetitions, layer.kernels.shape[2]))
        self._by_repetition = np.zeros(labels, bool)
        linear, excess = np.zeros(labels), np.zeros(labels)
        for r, row in enumerate(layer.table):
            self._excess[r] = self._more(r) * (lines.chord[lines.own(r)] @ self._negative(r))
            bucket, gradients = self._buckets[r], lines.gradients[r]
            falls = lines.more * np.abs(gradients - gradients[bucket]).sum(axis=1).astype(np.float64)
            rivals = lines.values[r] + lines.slack[r] + falls
            linear += (lines.values[r, bucket] - lines.slack[r, bucket] - rivals)[row]
            excess += self._excess[r][row]
        self.estimates = linear / repetitions + added
        self.bounds = (linear - excess) / repetitions + added
        # The same perturbation acts on all repetitions: their gradients are added before the norm is taken.
        doubtful = np.flatnonzero(~(self.bounds > 0))
        self.estimates[doubtful] = self._linear(doubtful) / repetitions + added[doubtful]
        self._improve(doubtful, excess[doubtful])

    def bound_by_repetition(self, labels: np.ndarray) -> None:
        """Improves the bounds of some labels by the squares of each repetition; does nothing where this was done before."""
        lines = self.lines
        labels = labels[~self._by_repetition[labels]]
        self._by_repetition[labels] = True
        excess = np.zeros(len(labels))
        for r, forms in enumerate(lines.forms_of_repetitions):
            buckets, positions = np.unique(lines.layer.table[r, labels], return_inverse=True)
            negative, own = self._negative(r, buckets), lines.own(r)
            squares = self._more(r) * (lines.at_zero[own] @ negative).astype(np.float64)
            squares += forms.bounds(negative.T * lines.squares[own])
            excess += np.fmin(self._excess[r, buckets], squares)[positions]
        self._improve(labels, excess)

    def bound_jointly(self, labels: np.ndarray) -> None:
        """Improves the bounds of some labels by the squares of all units; does nothing if there are too many units."""
        lines = self.lines
        if len(lines.unstable) > _MOST_UNITS:
            return
        for begin in range(0, len(labels), _BLOCK):
            some = labels[begin : begin + _BLOCK]
            buckets = lines.layer.table[:, some]
            parts = [self._negative(r, each) for r, each in enumerate(buckets)]
            negative = np.concatenate(parts)[lines.unstable].T
            more = 1 + 4 * rounding.gamma(len(lines.unstable) + 16, rounding.SINGLE)
            excess = more * (negative @ lines.at_zero[lines.unstable]).astype(np.float64)
            self._improve(some, excess + lines.forms.bounds(negative * lines.squares[lines.unstable]))

    def _improve(self, labels: np.ndarray, excess: np.ndarray) -> None:
        found = self.estimates[labels] - excess / len(self._buckets)
        self.bounds[labels] = np.fmax(self.bounds[labels], found)

    def _linear(self, labels: np.ndarray) -> np.ndarray:
        """Returns lower bounds of the linear parts, of sums of logits."""
        lines, n = self.lines, len(self.lines.units.kernel)
        own = np.zeros(n, np.float32)
        value = np.zeros(len(labels))
        for r, bucket in enumerate(self._buckets):
            own += lines.gradients[r, bucket]
            value += lines.values[r, bucket] - lines.slack[r, bucket]
            rivals = lines.values[r] + lines.slack[r]
            value -= rivals[lines.layer.table[r, labels]]
        for begin in range(0, len(labels), _BLOCK):
            some = slice(begin, begin + _BLOCK)
            gradients = np.zeros((len(labels[some]), n), np.float32)
            for r, row in enumerate(lines.layer.table):
                gradients += lines.gradients[r][row[labels[some]]]
            gradients -= own
            value[some] -= lines.more * np.abs(gradients, out=gradients).sum(axis=1).astype(np.float64)
        return value

    def _more(self, repetition: int) -> float:
        return 1 + 4 * rounding.gamma(len(self.lines.weights[repetition]) + 16, rounding.SINGLE)

    def _negative(self, repetition: int, buckets: Union[slice, np.ndarray] = slice(None)) -> np.ndarray:
        """Returns the negative parts of the lead's weights over some buckets, float32 [M_r, m]."""
        weights = self.lines.weights[repetition]
        negative = weights[:, buckets] - weights[:, [self._buckets[repetition]]]
        return np.maximum(negative, 0, out=negative)
