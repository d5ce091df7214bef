"""The choice of the penalty: on points that the classifiers are not trained with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from mach_tf.decoding.best_list import NO_LABEL
from mach_tf.metrics import ranking_metrics
from mach_tf.ranker import classifiers
from mach_tf.ranker.best_products import best_products

# In falling order.
PENALTIES = (1.0, 0.3, 0.1, 0.03)
# Of the best precision: a penalty that comes as near is level with it, as far as so few points can tell.
_LEVEL = 0.97
_CUT_OFFS = (1, 3, 5)
# Held-out points: a tenth, but at least 500, or of few points three tenths, and at most 2,000; and the most points to train with.
_HELD_OUT, _MOST_HELD_OUT = 0.1, 0.3
_FEW_POINTS, _MANY_POINTS = 500, 2000
_TRAINED = 10_000
# Label assignments per label, of the points to train with, below which held-out points may tell nothing: with 0.5 to 3 they chose on six of seven data
# sets and shapes what many more points choose.
_TOO_RARE = 0.5


class Choice(NamedTuple):
    """A penalty, and how well classifiers with it ranked held-out points.

    Attributes:
      penalty: C.
      precision: the mean of P@1, P@3 and P@5 in percent, of the classifiers alone; 0 if nothing was held out.
      points: the number of points that were held out; 0 for labels with too few points.
    """

    penalty: float
    precision: float
    points: int


def choose(
    features: scipy.sparse.csr_matrix,
    labels: scipy.sparse.csr_matrix,
    near: scipy.sparse.csr_matrix,
    seed: int,
) -> Choice:
    """Chooses the largest penalty that ranks held-out points about as well as the best one. Errors are to cost less where labels are noisy.

    Penalties are tried in falling order, until one ranks worse than another before it.

    Args:
      features: CSR [n, D].
      labels: CSR [n, K] of ones.
      near: the candidates, as `classifiers.candidates` returns them.
      seed: chooses the points to hold out. Candidates were searched with them too, which favours no penalty.
    """
    points = features.shape[0]
    order = np.random.default_rng(seed).permutation(points)
    fewest = max(1, round(min(_FEW_POINTS, _MOST_HELD_OUT * points)))
    count = int(np.clip(_HELD_OUT * points, fewest, _MANY_POINTS))
    held, rest = np.sort(order[:count]), np.sort(order[count : count + _TRAINED])
    if labels[rest].nnz < _TOO_RARE * labels.shape[1]:
        return Choice(PENALTIES[0], 0.0, 0)
    found: list[float] = []
    for penalty in PENALTIES:
        weights = classifiers.fit(features[rest], labels[rest], near[rest], penalty)
        found.append(_precision(features[held], labels[held], weights))
        if found[-1] < max(found):
            break
    chosen = next(i for i, precision in enumerate(found) if precision >= _LEVEL * max(found))
    return Choice(PENALTIES[chosen], found[chosen], count)


def _precision(
    features: scipy.sparse.csr_matrix, labels: scipy.sparse.csr_matrix, weights: scipy.sparse.csr_matrix
) -> float:
    cut_offs = [k for k in _CUT_OFFS if k <= labels.shape[1]]
    found = best_products(features, scipy.sparse.csr_matrix(weights.T), cut_offs[-1]).labels
    hit = ranking_metrics.hits(np.where(found == NO_LABEL, -1, found), labels)
    return float(np.mean([100 * ranking_metrics.precision_at_k(hit, k).mean() for k in cut_offs]))
