"""The decoder: a bucket table made ready for decoding, and the choice between searching and scanning."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numba
import numpy as np

from mach_tf import order_search, scan, threshold
from mach_tf.buckets import BucketMembers, invert

KINDS = {"mean": scan.MEAN, "min": scan.MIN, "median": scan.MEDIAN, "logit_mean": scan.MEAN}

# How much more a step of a search costs than a label of a scan. For MEAN a step is a label read from a bucket's list (measured at
# K = 670,091, R = 16: 5 ns, against 3.5 in a packed scan), for the others a label scored (105 ns, against 15 in a plain scan).
_SEARCH_COST = {scan.MEAN: 2, scan.MIN: 8, scan.MEDIAN: 8}
# Below so many labels a scan takes less than ranking the buckets.
_FEW_LABELS = 16_384


class Decoded(NamedTuple):
    """The best labels of n points, best first.

    Attributes:
      labels: int32 [n, k].
      scores: float32 [n, k].
      scored: int64 [n], how many label scores were computed to find them.
    """

    labels: np.ndarray
    scores: np.ndarray
    scored: np.ndarray


@dataclasses.dataclass(frozen=True)
class Decoder:
    """The bucket table of R repetitions, both ways.

    Attributes:
      table: int32 [R, K], the bucket of each label.
      members: the labels of each bucket.
    """

    table: np.ndarray
    members: BucketMembers

    @classmethod
    def of(cls, table: np.ndarray, buckets: int) -> Decoder:
        """A decoder for a bucket table int32 [R, K]."""
        return cls(table, invert(table, buckets))

    @functools.cached_property
    def by_label(self) -> np.ndarray:
        """The table label by label, uint16 or int32 [K, R]: a label's buckets share a cache line."""
        kind = np.uint16 if self.buckets <= 2**16 else np.int32
        return np.ascontiguousarray(self.table.T.astype(kind))

    @property
    def labels(self) -> int:
        return self.table.shape[1]

    @property
    def buckets(self) -> int:
        return self.members.splits.shape[1] - 1

    def first(self, repetitions: int) -> Decoder:
        """The decoder of the first few repetitions."""
        members = BucketMembers(self.members.splits[:repetitions], self.members.labels[:repetitions])
        return Decoder(self.table[:repetitions], members)

    def top_k(self, scores: np.ndarray, k: int, estimator: str) -> Decoded:
        """The k best labels of each point, exactly; among equal scores the smaller label.

        Args:
          scores: float32 [n, R, B], the bucket scores that fit the estimator (`sketch.bucket_scores`); not NaN.
          k: in [1, K].
          estimator: one of sketch.ESTIMATORS.
        """
        scores = self.check(scores, k)
        kind = KINDS[estimator]
        labels = np.empty((len(scores), k), np.int32)
        values = np.empty((len(scores), k), np.float32)
        if self.labels <= _FEW_LABELS:
            scored = np.full(len(scores), -1)
        else:
            budget = self.labels / _SEARCH_COST[kind]
            both_ways = (self.by_label, self.members.splits, self.members.labels)
            if kind == scan.MEAN:
                scored = threshold.search_mean(scores, *both_ways, budget, labels, values)
            else:
                scored = order_search.search_order_statistic(scores, *both_ways, kind, budget, labels, values)
        given_up = np.flatnonzero(scored < 0)
        if len(given_up):
            self._scan(scores, kind, given_up, labels, values)
            scored[given_up] = self.labels - 1 - scored[given_up]
        return Decoded(labels, values, scored)

    def check(self, scores: np.ndarray, k: int) -> np.ndarray:
        """The scores as contiguous float32, or ValueError when they or k do not fit."""
        expected = (len(self.table), self.buckets)
        if scores.ndim != 3 or scores.shape[1:] != expected:
            raise ValueError(f"bucket scores must be [n, {expected[0]}, {expected[1]}] (got {list(scores.shape)})")
        if not 1 <= k <= self.labels:
            raise ValueError(f"k must be in [1, {self.labels}], the number of labels (got {k})")
        scores = np.ascontiguousarray(scores, np.float32)
        if _has_nan(scores.reshape(-1)):
            raise ValueError("bucket scores must not be NaN: the model's weights or the input are not finite")
        return scores

    def _scan(self, scores: np.ndarray, kind: int, points: np.ndarray, labels: np.ndarray, values: np.ndarray) -> None:
        # With fewer points than threads, the labels are shared out too.
        chunks = max(1, min(numba.get_num_threads() // len(points), self.labels // _FEW_LABELS))
        for largest in scan.PACKINGS if kind == scan.MEAN else ():
            if len(points):
                points = scan.scan_packed(scores, self.by_label, points, chunks, largest, labels, values)
        if len(points):
            scan.scan_plainly(scores, self.by_label, kind, points, chunks, labels, values)


@numba.njit(cache=True, parallel=True)
def _has_nan(values):
    found = 0
    for i in numba.prange(len(values)):
        found += values[i] != values[i]
    return found > 0
