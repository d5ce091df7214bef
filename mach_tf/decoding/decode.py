"""The decoder: a bucket table made ready for decoding, and the choice between searching and scanning."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import numba
import numpy as np

from mach_tf import estimators
from mach_tf.buckets import BucketMembers, invert
from mach_tf.decoding import block_scan, order_search, scan, threshold
from mach_tf.decoding.best_list import BestList
from mach_tf.decoding.table import Table, both_ways

# Nanoseconds, measured at K = 670,091, R = 16, B = 2,000; only their ratios matter. A label, for each repetition: scored in a scan;
# bounded in a scan by blocks, for a whole block. A bucket, for each point: made ready for blocks.
_SCORE_TIME, _BLOCK_TIME, _BUCKET_TIME = 0.65, 1.8, 4.0
# A step of a search: for MEAN a label read from a bucket's list, for the others a label scored (a cache miss).
_SEARCH_TIME = {estimators.MEAN: 4.0, estimators.MIN: 105.0, estimators.MEDIAN: 105.0}
# Below so many labels a scan takes less than ranking the buckets.
_FEW_LABELS = 16_384
# Points searched to see whether searching helps.
_SCOUTS = 8
# What is left after that is searched again when scanning so few would cost a point so many times what its search was allowed.
_WORTH_ANOTHER = 2


class Decoded(NamedTuple):
    """The best labels of n points, best first.

    Attributes:
      labels: int32 [n, k].
      scores: float32 [n, k].
      scored: int64 [n], how many label scores were computed to find them.
      scanned: bool [n], whether every label was looked at: scored, or bounded in a scan by blocks.
    """

    labels: np.ndarray
    scores: np.ndarray
    scored: np.ndarray
    scanned: np.ndarray


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
    def both_ways(self) -> Table:
        """The table as the kernels take it."""
        return both_ways(self.table, self.members)

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
          scores: float32 [n, R, B], the bucket scores that fit the estimator (`estimators.bucket_scores`); not NaN.
          k: in [1, K].
          estimator: one of estimators.ESTIMATORS.
        """
        scores = self.check(scores, k)
        kind = estimators.get(estimator).kernel
        best = BestList.empty(len(scores), k)
        scored = np.full(len(scores), -1)
        if self.labels > _FEW_LABELS:
            self._search_where_it_pays(scores, kind, best, scored)
        scanned = scored < 0
        if scanned.any():
            searched = -1 - scored[scanned]
            scored[scanned] = searched + self._scan(scores, kind, np.flatnonzero(scanned), best)
        return Decoded(best.labels, best.values, scored, scanned)

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

    def _search_where_it_pays(self, scores: np.ndarray, kind: int, best: BestList, scored: np.ndarray) -> None:
        """Searches for points, filling their lists and scored; scored stays negative for those left to a scan."""
        points = np.arange(len(scores))
        budget = self._budget(len(points), kind)
        # The points of a batch are alike. A search that gives up is lost, and a block scanned for a few points costs as
        # much as for all of its own: searching pays only where next to none gives up.
        for some in (points[:_SCOUTS], points[_SCOUTS:]):
            scored[some] = self._search(scores, kind, some, budget, best)
            if (scored[some] < 0).any():
                break
        left = np.flatnonzero(scored < 0)
        larger = self._budget(len(left), kind)
        if len(left) and larger >= _WORTH_ANOTHER * budget:
            before = -1 - scored[left]
            after = self._search(scores, kind, left, larger, best)
            scored[left] = np.where(after < 0, after - before, after + before)

    def _budget(self, points: int, kind: int) -> float:
        """What the search for a point may cost, in steps: no more than scanning for it beside so many."""
        # A search keeps one thread busy, a scan all of them.
        busy = min(1.0, points / numba.get_num_threads())
        return busy * min(self._scan_times(points)) / _SEARCH_TIME[kind]

    def _search(self, scores: np.ndarray, kind: int, points: np.ndarray, budget: float, best: BestList) -> np.ndarray:
        if kind == estimators.MEAN:
            return threshold.search_mean(scores, self.both_ways, points, budget, best)
        return order_search.search_order_statistic(scores, self.both_ways, kind, points, budget, best)

    def _scan(self, scores: np.ndarray, kind: int, points: np.ndarray, best: BestList) -> np.ndarray:
        """Scans for the points; gives how many labels were scored for each."""
        # With fewer tasks than threads, the labels are shared out too.
        threads = numba.get_num_threads()
        scored = np.full(len(points), -1)
        plainly, by_blocks = self._scan_times(len(points))
        if by_blocks < plainly:
            blocks = -(-len(points) // block_scan.LANES)
            chunks = threads // math.gcd(threads, blocks) if blocks < 4 * threads else 1
            scored = block_scan.scan_blocks(scores, self.both_ways, kind, points, chunks, best)
        left = points[scored < 0]
        if len(left):
            chunks = max(1, min(threads // len(left), self.labels // _FEW_LABELS))
            scan.scan_plainly(scores, self.both_ways, kind, left, chunks, best)
            scored[scored < 0] = self.labels
        return scored

    def _scan_times(self, points: int) -> tuple[float, float]:
        """What a point costs when so many are scanned, plainly and by blocks."""
        blocks = -(-points // block_scan.LANES)
        plainly = len(self.table) * self.labels * _SCORE_TIME
        by_blocks = len(self.table) * (
            self.labels * _BLOCK_TIME * blocks / max(points, 1) + self.buckets * _BUCKET_TIME
        )
        return plainly, by_blocks


def top_k(
    scores: np.ndarray, table: np.ndarray, members: BucketMembers, k: int, estimator: str
) -> tuple[np.ndarray, np.ndarray]:
    """The k best labels of each point, exactly, best first; among equal scores the smaller label.

    Args:
      scores: float32 [n, R, B], bucket scores; not NaN.
      table: int32 [R, K], the bucket table.
      members: its inverse.
      k: in [1, K].
      estimator: one of estimators.ESTIMATORS.

    Returns:
      Labels, int32 [n, k], and their scores, float32 [n, k]. To decode more than once, keep a Decoder.
    """
    found = Decoder(table, members).top_k(scores, k, estimator)
    return found.labels, found.scores


@numba.njit(cache=True, parallel=True)
def _has_nan(values):
    found = 0
    for i in numba.prange(len(values)):
        found += values[i] != values[i]
    return found > 0
