"""Ranking metrics of the top k labels, one value per point; every summary is computed from these.

Conventions: a point without labels counts as zero in every metric and stays in the average. A point with fewer than k
labels cannot reach P@k = 1; nDCG@k, RP@k and the propensity-scored metrics compare with what that point can attain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.errors import InputError

DEFAULT_CUT_OFFS = (1, 3, 5)


@dataclasses.dataclass(frozen=True)
class PerPoint:
    """One metric of n points: its summary is the ratio of the two means.

    Attributes:
      numerator: float64 [n].
      denominator: float64 [n]; ones for a plain average, the ideal for propensity-scored metrics.
    """

    numerator: np.ndarray
    denominator: np.ndarray

    @property
    def percent(self) -> float:
        """The metric over all points, in percent; 0 if nothing can be attained."""
        ideal = self.denominator.sum()
        return float(100 * self.numerator.sum() / ideal) if ideal > 0 else 0.0


def cut_offs(ks: Optional[Sequence[int]], labels: int) -> list[int]:
    """Checks the cut-offs of metrics and sorts them.

    Args:
      ks: cut-offs k, in any order; None for 1, 3 and 5, as far as there are labels.
      labels: K, the largest k there can be.

    Returns:
      The cut-offs, ascending, each once.

    Raises:
      InputError: no cut-off, or one that is not a whole number from 1 to K.
    """
    if ks is None:
        ks = [k for k in DEFAULT_CUT_OFFS if k <= labels] or DEFAULT_CUT_OFFS
    is_list = isinstance(ks, (list, tuple, range, np.ndarray)) and np.ndim(ks) == 1
    if not is_list or not len(ks) or not all(isinstance(k, (int, np.integer)) and k > 0 for k in ks):
        given = ",".join(map(str, ks)) if is_list else repr(ks)
        raise InputError(f"ks must be a list of positive whole numbers (got {given:.60}).")
    ascending = sorted({int(k) for k in ks})
    if ascending[-1] > labels:
        raise InputError(f"ks must not exceed the {labels} labels (got {ascending[-1]}).")
    return ascending


def hits(top_labels: np.ndarray, labels: scipy.sparse.csr_matrix) -> np.ndarray:
    """Returns which of the predicted labels are true.

    Args:
      top_labels: int [n, k], best first, each label at most once per row; -1 where there is no prediction.
      labels: [n, K], canonical CSR (sorted, no duplicates); every stored entry marks a label.

    Returns:
      bool [n, k].

    Raises:
      ValueError: different numbers of points, or an unknown label id.
    """
    top_labels = np.asarray(top_labels)
    if top_labels.ndim != 2 or top_labels.shape[0] != labels.shape[0]:
        raise ValueError(f"top_labels must be [{labels.shape[0]}, k] (got {top_labels.shape})")
    if top_labels.size and not -1 <= top_labels.min() <= top_labels.max() < labels.shape[1]:
        raise ValueError(f"label ids must be in [-1, {labels.shape[1]}) (got {top_labels.min()}..{top_labels.max()})")
    # One key per (point, label) pair; ascending because the rows are sorted.
    width = labels.shape[1] + 1
    rows = np.repeat(np.arange(labels.shape[0], dtype=np.int64), np.diff(labels.indptr))
    true_keys = np.append(rows * width + labels.indices, np.iinfo(np.int64).max)
    keys = np.where(top_labels < 0, width - 1, top_labels) + np.arange(len(top_labels), dtype=np.int64)[:, None] * width
    return true_keys[np.searchsorted(true_keys, keys)] == keys


def label_totals(labels: scipy.sparse.csr_matrix) -> np.ndarray:
    """Returns the number of labels of each point, int64 [n]."""
    return np.diff(labels.indptr).astype(np.int64)


def precision_at_k(hit: np.ndarray, k: int) -> np.ndarray:
    """Returns the hits in the top k divided by k, float64 [n]; `hit` is bool [n, at least k]."""
    return hit[:, :k].sum(axis=1) / k


def recall_at_k(hit: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """Returns the hits in the top k divided by the number of labels, float64 [n]."""
    return hit[:, :k].sum(axis=1) / np.maximum(totals, 1)


def r_precision_at_k(hit: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """Returns the hits in the top k divided by min(k, number of labels), float64 [n]; MACH's original code calls it P@k."""
    return hit[:, :k].sum(axis=1) / np.clip(totals, 1, k)


def ndcg_at_k(hit: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """Returns the sum of gains 1/log2(rank + 1) divided by the largest attainable, float64 [n]."""
    gains = _gains(k)
    return hit[:, :k] @ gains / np.cumsum(gains)[np.clip(totals, 1, k) - 1]


def propensity_scored_precision(gain: np.ndarray, ideal: np.ndarray, k: int) -> PerPoint:
    """Returns PSP@k: inverse propensities of the hits in the top k, divided by those of the best k true labels.

    Args:
      gain: float64 [n, at least k], the inverse propensity of each hit, 0 elsewhere.
      ideal: float64 [n, at least k], the largest inverse propensities of the point's labels, descending, then 0.
      k: cut-off.
    """
    return PerPoint(gain[:, :k].sum(axis=1) / k, ideal[:, :k].sum(axis=1) / k)


def propensity_scored_ndcg(gain: np.ndarray, ideal: np.ndarray, totals: np.ndarray, k: int) -> PerPoint:
    """Returns PSnDCG@k: PSP@k weighted by 1/log2(rank + 1), each point divided by its attainable sum of weights."""
    gains = _gains(k)
    attainable = np.cumsum(gains)[np.clip(totals, 1, k) - 1]
    return PerPoint(gain[:, :k] @ gains / attainable, ideal[:, :k] @ gains / attainable)


def ideal_gains(labels: scipy.sparse.csr_matrix, inverse_propensities: np.ndarray, k: int) -> np.ndarray:
    """Returns the k largest inverse propensities of each point's labels, descending, then zeros; float64 [n, k]."""
    totals = label_totals(labels)
    rows = np.repeat(np.arange(labels.shape[0]), totals)
    values = inverse_propensities[labels.indices]
    order = np.lexsort((-values, rows))
    rank = np.arange(len(rows)) - labels.indptr[rows]
    ideal = np.zeros((labels.shape[0], k))
    kept = rank < k
    ideal[rows[kept], rank[kept]] = values[order][kept]
    return ideal


def per_point(
    top_labels: np.ndarray,
    labels: scipy.sparse.csr_matrix,
    ks: Sequence[int],
    propensities: Optional[np.ndarray] = None,
    one_label: bool = False,
) -> dict[str, PerPoint]:
    """Returns each point's part of every metric except coverage.

    Args:
      top_labels: int [n, at least max(ks)], best first; -1 where there is no prediction.
      labels: [n, K] canonical CSR.
      ks: cut-offs, in the order of the result.
      propensities: float [K], for PSP and PSnDCG; None leaves these two out.
      one_label: whether each point has one label; then there are also "accuracy@1", ..., the share of points whose label is
        among the top k, and "error@1", ..., the rest.

    Returns:
      By name: "P@1", ..., "nDCG@1", ..., "PSP@1", ..., "PSnDCG@1", ..., "R@1", ..., "RP@1", ...

    Raises:
      ValueError: a cut-off outside [1, number of predicted labels].
    """
    hit, totals = hits(top_labels, labels), label_totals(labels)
    if not ks or min(ks) < 1 or max(ks) > hit.shape[1]:
        raise ValueError(f"k must be in [1, {hit.shape[1]}], the number of labels predicted (got {list(ks)})")
    ones = np.ones(len(hit))
    result: dict[str, PerPoint] = {}
    if one_label:
        found = {k: recall_at_k(hit, totals, k) for k in ks}
        result.update({f"accuracy@{k}": PerPoint(found[k], ones) for k in ks})
        result.update({f"error@{k}": PerPoint(1 - found[k], ones) for k in ks})
    result.update({f"P@{k}": PerPoint(precision_at_k(hit, k), ones) for k in ks})
    result.update({f"nDCG@{k}": PerPoint(ndcg_at_k(hit, totals, k), ones) for k in ks})
    if propensities is not None:
        inverse = 1 / np.asarray(propensities, np.float64)
        gain = hit * inverse[top_labels]
        ideal = ideal_gains(labels, inverse, max(ks))
        result.update({f"PSP@{k}": propensity_scored_precision(gain, ideal, k) for k in ks})
        result.update({f"PSnDCG@{k}": propensity_scored_ndcg(gain, ideal, totals, k) for k in ks})
    result.update({f"R@{k}": PerPoint(recall_at_k(hit, totals, k), ones) for k in ks})
    result.update({f"RP@{k}": PerPoint(r_precision_at_k(hit, totals, k), ones) for k in ks})
    return result


def coverage(top_labels: np.ndarray, labels: scipy.sparse.csr_matrix, ks: Sequence[int]) -> dict[str, float]:
    """Returns coverage@k: the percentage of the points' labels that are a hit in the top k of at least one point.

    It is a property of the set of points, not an average over them.

    Args:
      top_labels: int [n, at least max(ks)].
      labels: [n, K] canonical CSR.
      ks: cut-offs.
    """
    hit, present = hits(top_labels, labels), len(np.unique(labels.indices))
    found = {k: len(np.unique(top_labels[:, :k][hit[:, :k]])) for k in ks}
    return {f"coverage@{k}": 100 * found[k] / max(present, 1) for k in ks}


def summary(
    top_labels: np.ndarray,
    labels: scipy.sparse.csr_matrix,
    ks: Sequence[int] = DEFAULT_CUT_OFFS,
    propensities: Optional[np.ndarray] = None,
) -> dict[str, float]:
    """Returns every metric in percent, by name; the arguments are those of `per_point`."""
    return summarize(per_point(top_labels, labels, ks, propensities), top_labels, labels, ks)


def summarize(
    points: Mapping[str, PerPoint], top_labels: np.ndarray, labels: scipy.sparse.csr_matrix, ks: Sequence[int]
) -> dict[str, float]:
    """Returns every metric in percent, by name, from the result of `per_point` for the same arguments."""
    return {**{name: metric.percent for name, metric in points.items()}, **coverage(top_labels, labels, ks)}


def _gains(k: int) -> np.ndarray:
    return 1 / np.log2(np.arange(2, k + 2))
