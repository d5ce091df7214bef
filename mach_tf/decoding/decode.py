"""The decoder: a bucket table laid out for decoding, and the choice between searching and scanning."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numba
import numpy as np

from mach_tf import estimators
from mach_tf.buckets import BucketMembers, invert
from mach_tf.decoding import block_scan, order_search, scan, threshold
from mach_tf.decoding.best_list import BestList
from mach_tf.decoding.scoring import WEIGHTED, score_chosen
from mach_tf.decoding.table import Table, both_ways
from mach_tf.decoding.utility import Utility
from mach_tf.errors import InputError
from mach_tf.kernels import jit

# Nanoseconds, measured at K = 670,091, R = 16, B = 2,000; only their ratios matter. Per label and repetition: scoring it in a
# plain scan; bounding it for all points of a block. Per bucket, repetition and point: preparing the integers of a block.
_SCORE_TIME, _BLOCK_TIME, _BUCKET_TIME = 0.65, 1.8, 4.0
# Per step of a search, which for MEAN is reading a label from a bucket's list, and for the others scoring a label (a cache miss).
_SEARCH_TIME = {estimators.MEAN: 4.0, WEIGHTED: 4.0, estimators.MIN: 105.0, estimators.MEDIAN: 105.0}
# With no more labels than this, a scan takes less time than ranking the buckets.
_FEW_LABELS = 16_384
# The number of points searched first, to see whether searching pays for the batch.
_SCOUTS = 8
# The remaining points are searched again if scanning these few would cost at least this many times the first budget per point.
_WORTH_ANOTHER = 2


class Decoded(NamedTuple):
    """The best labels of n points, best first.

    Attributes:
      labels: int32 [n, k].
      scores: float32 [n, k], the label scores; or utilities, from a decoder that ranks by these.
      scored: int64 [n], the number of label scores computed for each point.
      scanned: bool [n], whether all labels of the point were scanned: each one scored, or bounded in a scan by blocks.
    """

    labels: np.ndarray
    scores: np.ndarray
    scored: np.ndarray
    scanned: np.ndarray


def joined(parts: Sequence[Decoded]) -> Decoded:
    """Returns what was decoded of consecutive points, at least one part, as one."""
    return Decoded(*(np.concatenate(arrays) for arrays in zip(*parts)))


@dataclasses.dataclass(frozen=True)
class Decoder:
    """Decodes sketches with the bucket table of R repetitions.

    Attributes:
      table: int32 [R, K], the bucket of each label.
      members: the labels of each bucket.
      utility: what labels are ranked by instead of their label scores, if these are means of logits; None for nothing else.

    Example:
      >>> import numpy as np
      >>> decoder = Decoder.of(np.array([[0, 1, 1], [1, 0, 1]], np.int32), buckets=2)
      >>> sketch = np.array([[[0.1, 0.9], [0.2, 0.8]]], np.float32)  # one point, R = 2, B = 2
      >>> decoder.top_k(sketch, k=2, estimator="mean").labels
      array([[2, 1]], dtype=int32)
    """

    table: np.ndarray
    members: BucketMembers
    utility: Optional[Utility] = None

    @classmethod
    def of(cls, table: np.ndarray, buckets: int) -> Decoder:
        """Returns a decoder for a bucket table, int32 [R, K], with B buckets."""
        return cls(table, invert(table, buckets))

    @functools.cached_property
    def both_ways(self) -> Table:
        """The bucket table in the layout that the kernels take."""
        return both_ways(self.table, self.members, self.utility)

    @property
    def labels(self) -> int:
        """K, the number of labels."""
        return self.table.shape[1]

    @property
    def buckets(self) -> int:
        """B, the number of buckets per repetition."""
        return self.members.splits.shape[1] - 1

    def first(self, repetitions: int) -> Decoder:
        """Returns the decoder of the first `repetitions` repetitions."""
        members = BucketMembers(self.members.splits[:repetitions], self.members.labels[:repetitions])
        return Decoder(self.table[:repetitions], members, self.utility)

    def by(self, utility: Utility) -> Decoder:
        """Returns the decoder that ranks labels by a utility."""
        return dataclasses.replace(self, utility=utility)

    def label_scores(self, scores: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
        """Returns the scores of chosen labels, int [n, m] in [0, K), as float32 [n, m]; `scores` as of `top_k`."""
        points = np.repeat(np.arange(len(scores)), labels.shape[1])
        return self.scores_of(scores, points, labels.reshape(-1), estimator).reshape(labels.shape)

    def scores_of(self, scores: np.ndarray, points: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
        """Returns the score of a label for a point, for each of e pairs, float32 [e].

        Args:
          scores: as of `top_k`.
          points, labels: int [e], in [0, n) and [0, K).
          estimator: one of estimators.ESTIMATORS.
        """
        found = np.empty(len(points), np.float32)
        scores = np.ascontiguousarray(scores, np.float32)
        score_chosen(scores, self.both_ways.by_label, self._kind(estimator), points, labels, found)
        return found

    def top_k(self, scores: np.ndarray, k: int, estimator: str) -> Decoded:
        """Finds the k best labels of each point, exactly; ties go to the smaller label.

        Args:
          scores: float32 [n, R, B], the bucket scores that the estimator combines (`estimators.bucket_scores`); not NaN.
          k: in [1, K].
          estimator: one of estimators.ESTIMATORS.

        Raises:
          InputError: the shape of the scores or k does not fit, or a score is NaN.
        """
        scores = self.check(scores, k)
        kind = self._kind(estimator)
        best = BestList.empty(len(scores), k)
        scored = np.full(len(scores), -1)
        if self.labels > _FEW_LABELS:
            self._search_where_it_pays(scores, kind, best, scored)
        scanned = scored < 0
        if scanned.any():
            searched = -1 - scored[scanned]
            scored[scanned] = searched + self._scan(scores, kind, np.flatnonzero(scanned), best)
        return Decoded(best.labels, best.values, scored, scanned)

    def _kind(self, estimator: str) -> int:
        entry = estimators.get(estimator)
        if self.utility is None:
            return entry.kernel
        if not entry.takes_logits:
            raise InputError(
                f"Ranking by another objective than precision needs the estimator {estimators.DEFAULT_ESTIMATOR}, whose probabilities are "
                f"those of labels (got {estimator}). Leave one of them out."
            )
        return WEIGHTED

    def check(self, scores: np.ndarray, k: int) -> np.ndarray:
        """Returns the scores as contiguous float32; raises ValueError if they or k do not fit."""
        expected = (len(self.table), self.buckets)
        if scores.ndim != 3 or scores.shape[1:] != expected:
            raise InputError(f"bucket scores must be [n, {expected[0]}, {expected[1]}] (got {list(scores.shape)}).")
        if not 1 <= k <= self.labels:
            raise InputError(f"k must be in [1, {self.labels}], the number of labels (got {k}).")
        scores = np.ascontiguousarray(scores, np.float32)
        if _has_nan(scores.reshape(-1)):
            raise InputError("bucket scores must not be NaN: the model's weights or the input are not finite")
        return scores

    def _search_where_it_pays(self, scores: np.ndarray, kind: int, best: BestList, scored: np.ndarray) -> None:
        """Searches where searching pays; fills the lists and `scored`, which stays negative for points left to a scan."""
        points = np.arange(len(scores))
        budget = self._budget(len(points), kind)
        # The points of a batch are alike. The time of a search that gives up is lost, and scanning a block for a few points
        # costs as much as for 64: searching pays only if hardly any search gives up.
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
        """Returns how many steps the search for a point may take: what scanning would cost per point, for `points` points."""
        # A search keeps one thread busy, a scan all of them.
        busy = min(1.0, points / numba.get_num_threads())
        return busy * min(self._scan_times(points)) / _SEARCH_TIME[kind]

    def _search(self, scores: np.ndarray, kind: int, points: np.ndarray, budget: float, best: BestList) -> np.ndarray:
        if kind in (estimators.MEAN, WEIGHTED):
            return threshold.search_mean(scores, self.both_ways, points, budget, best)
        return order_search.search_order_statistic(scores, self.both_ways, kind, points, budget, best)

    def _scan(self, scores: np.ndarray, kind: int, points: np.ndarray, best: BestList) -> np.ndarray:
        """Scans all labels for the points; returns the number of labels scored for each."""
        # With fewer tasks than threads, the labels are divided among threads too.
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
        """Returns the time per point when `points` points are scanned, plainly and by blocks."""
        blocks = -(-points // block_scan.LANES)
        plainly = len(self.table) * self.labels * _SCORE_TIME
        by_blocks = len(self.table) * (
            self.labels * _BLOCK_TIME * blocks / max(points, 1) + self.buckets * _BUCKET_TIME
        )
        return plainly, by_blocks


def top_k(
    scores: np.ndarray, table: np.ndarray, members: BucketMembers, k: int, estimator: str
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the k best labels of each point, exactly, best first; ties go to the smaller label.

    To decode more than one batch, keep a Decoder: it lays out the bucket table once.

    Args:
      scores: float32 [n, R, B], bucket scores; not NaN.
      table: int32 [R, K], the bucket table.
      members: its inverse.
      k: in [1, K].
      estimator: one of estimators.ESTIMATORS.

    Returns:
      Labels, int32 [n, k], and their scores, float32 [n, k].
    """
    found = Decoder(table, members).top_k(scores, k, estimator)
    return found.labels, found.scores


@jit(parallel=True)
def _has_nan(values):
    found = 0
    for i in numba.prange(len(values)):
        found += values[i] != values[i]
    return found > 0
