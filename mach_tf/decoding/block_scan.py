"""Exact top k by bounding every label's score, 64 points at a time.

Each bucket score becomes a one-byte integer, rounded up so that it bounds the score from above. The integers of a bucket for 64
points fill a cache line, and adding R lines bounds a label's score for 64 points in the time that scoring it takes for two or
three points. Only labels whose bound reaches a point's k-th best score are scored, in float32.

For MEAN, and for the utilities of WEIGHTED, which have a mean as their bound, an integer counts steps up from a low score of its repetition. The step is chosen so that the k-th best score lies near
255; sums above 255 stay at 255 and reach any limit. For MIN and MEDIAN an integer is 1 if the bucket score reaches the k-th best
label score, else 0: all of a label's R integers must be 1, or half of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from mach_tf.decoding.best_list import BestList, copies, insert, merge
from mach_tf.decoding.lanes import LANES, lanes_reaching
from mach_tf.decoding.ranking import extremes, mean_and_deviation
from mach_tf.decoding.scan import scan_range
from mach_tf.decoding.scoring import WEIGHTED, Scorer, score_label
from mach_tf.decoding.table import Table
from mach_tf.decoding.utility import utility_of
from mach_tf.estimators import MEAN, MIN
from mach_tf.kernels import jit

# The sum of integers that represents the k-th best score when they are computed; the rest up to 255 is room for better scores.
_LEVELS = 232
# The labels scored first, to have a k-th best score: this number (for MEAN, MIN, MEDIAN, WEIGHTED), or this multiple of k if that is more.
_FIRST_LABELS, _FIRST_TIMES_K = (256, 512, 512, 256), 4
# If more than _SCORED_AT_LEAST plus one in _SCORED_PART labels have to be scored, scoring every label is as fast: the
# integers are too coarse for the point.
_SCORED_PART = 16
_SCORED_AT_LEAST = 64
_TOO_COARSE = -1
# The number of buckets transposed at a time, from point by point to bucket by bucket, within the first-level cache.
_TILE = 128


class _Block(NamedTuple):
    """The points that are bounded together, at most LANES of them.

    Attributes:
      scores: float32 [n, R, B], the bucket scores of all points.
      table: the bucket table.
      kind: MEAN, MIN, MEDIAN or WEIGHTED.
      points: int64 [lanes], the point of each lane.
      best: the lists [lanes, k].
      scored: int64 [lanes], how many labels were scored, or _TOO_COARSE.
    """

    scores: np.ndarray
    table: Table
    kind: int
    points: np.ndarray
    best: BestList
    scored: np.ndarray


class _Integers(NamedTuple):
    """The bucket scores of a block's points as integers, and how they were computed.

    Attributes:
      table: uint8 [R, B, LANES].
      lows: float32 [lanes, R], for MEAN and WEIGHTED the scores from which the steps are counted.
      bounds: float64 [lanes, 3]: for these, a label's sum of scores is at most bounds[:, 1] + bounds[:, 0] * (sum of its
        integers) + bounds[:, 2].
    """

    table: np.ndarray
    lows: np.ndarray
    bounds: np.ndarray


def scan_blocks(scores, table, kind, points, chunks, best):
    """Finds what scan.scan_plainly finds; parallel over blocks of points x `chunks` ranges of labels.

    Returns:
      int64 [len(points)], the number of labels scored, all others having been bounded; negative for points that were not
      decoded because their scores are too close to each other or not finite.
    """
    # Only what must be parallel is inside the parallel kernel: anything else would take seconds to compile there.
    parts = copies(best, points, chunks)
    scored = np.empty((chunks, len(points)), np.int64)
    _scan_parts(scores, table, kind, points, parts, scored)
    merge(parts, points, best)
    return np.where(scored.min(axis=0) < 0, _TOO_COARSE, scored.sum(axis=0))


@jit(parallel=True)
def _scan_parts(scores, table, kind, points, parts, scored):
    for task in numba.prange((len(points) + LANES - 1) // LANES * len(scored)):
        _scan_part(task, scores, table, kind, points, parts, scored)


@jit()
def _scan_part(task, scores, table, kind, points, parts, scored):
    n_labels, chunks = len(table.by_label), len(scored)
    chunk = task % chunks
    begin = task // chunks * LANES
    end = min(begin + LANES, len(points))
    best = BestList(parts.labels[chunk, begin:end], parts.values[chunk, begin:end])
    block = _Block(scores, table, kind, points[begin:end], best, scored[chunk, begin:end])
    _scan_block(block, n_labels * chunk // chunks, n_labels * (chunk + 1) // chunks)


@jit()
def _scan_block(block, first, last):
    """Adds the labels first:last to the lists of a block's points; fills `scored`."""
    kind, lanes, values = block.kind, len(block.points), block.best.values
    repetitions, buckets = block.table.by_label.shape[1], block.scores.shape[2]
    room = np.empty(repetitions * buckets * LANES + LANES, np.uint8)
    # Without the alignment, the integers of a bucket would lie in two cache lines.
    aligned = -room.ctypes.data % LANES
    integers = _Integers(
        room[aligned : aligned + repetitions * buckets * LANES].reshape((repetitions, buckets, LANES)),
        np.empty((lanes, repetitions), np.float32),
        np.zeros((lanes, 3)),
    )
    tried = min(last - first, max(_FIRST_LABELS[kind], _FIRST_TIMES_K * values.shape[1]))
    for lane in range(lanes):
        scores = block.scores[block.points[lane]]
        if kind in (MEAN, WEIGHTED):
            _find_base(scores, block.table, integers.lows[lane], integers.bounds[lane])
        best = BestList(block.best.labels[lane], values[lane])
        scan_range(scores, block.table, kind, first, first + tried, best)
        block.scored[lane] = tried
    # At the geometric middle of the range the k-th best score has improved, and the integers are computed anew for it.
    half = first + int(np.sqrt(tried * (last - first)))
    for begin, end in ((first, half), (half, last)):
        for lane in range(lanes):
            integers.bounds[lane, 0] = _step(kind, integers.bounds[lane], values[lane, -1], block.scores.shape[1])
            if integers.bounds[lane, 0] == 0.0:
                block.scored[lane] = _TOO_COARSE
        _fill(block, integers)
        allowed = tried + _SCORED_AT_LEAST + (end - first) // _SCORED_PART
        _scan_range(block, integers, allowed, begin, end)


@jit()
def _find_base(scores, table, lows, bound):
    """Fills lows [R], from which a point's scores [R, B] are counted, and bound[1:]: a label's sum of scores is at most
    bound[1] + step * (sum of its integers) + bound[2]."""
    repetitions = table.by_label.shape[1]
    for r in range(len(scores)):
        low, high = extremes(scores[r])
        mean, deviation = mean_and_deviation(scores[r])
        # Lower scores are raised to `typical`: labels near the k-th best have few of them, and the step becomes smaller. If the
        # mean is not finite, the comparison below is false and `low` is used.
        typical = mean - 2 * deviation
        lows[r] = typical if typical > low else low
        bound[1] += lows[r]
        bound[2] += max(abs(low), abs(high))
    if repetitions > len(scores):
        # The weights fall. None is raised: the labels with the lowest are the frequent ones, and often among the best.
        lows[-1] = table.row[-1]
        bound[1] += lows[-1]
        bound[2] += max(abs(table.row[-1]), abs(table.row[0]))
    # The float32 sum of R terms has an error below R * 2^-24 times the sum of their magnitudes; scaling it by 1 / R, and back by
    # R, adds at most as much again. Adding a weight rounds once more.
    bound[2] *= (repetitions + 4) * 2.0**-23


@jit()
def _step(kind, bound, worst, repetitions):
    """Returns the step of a point's integers, given its k-th best score; 0 if integers cannot tell its scores apart."""
    if kind not in (MEAN, WEIGHTED):
        return 1.0 if worst > -np.inf else 0.0
    step = (np.float64(worst) * repetitions - bound[1] - bound[2]) / _LEVELS
    return step if 1e-30 < step < 1e30 else 0.0


@jit()
def _limit(kind, bound, worst, repetitions):
    """Returns the smallest sum of integers with which a label's score may reach `worst`."""
    if kind in (MEAN, WEIGHTED):
        steps = (np.float64(worst) * repetitions - bound[1] - bound[2]) / bound[0]
        # Each integer was rounded up from a float32 number below 256, whose error is below 2^-14.
        return np.uint8(min(max(np.ceil(steps - repetitions * 2.0**-14), 0.0), 255.0))
    # A median is at most its upper middle value.
    return np.uint8(min(repetitions if kind == MIN else repetitions - repetitions // 2, 255))


@jit()
def _fill(block, integers):
    """Fills integers.table from the scores of the block's points."""
    repetitions, buckets = block.scores.shape[1:]
    weighted = block.table.row
    tile = np.zeros((LANES, _TILE), np.uint8)
    for r in range(len(integers.table)):
        for begin in range(0, buckets, _TILE):
            end = min(begin + _TILE, buckets)
            for lane in range(len(block.points)):
                row = weighted[begin:end] if r == repetitions else block.scores[block.points[lane], r, begin:end]
                if block.kind not in (MEAN, WEIGHTED):
                    _compare(row, block.best.values[lane, -1], tile[lane])
                elif integers.bounds[lane, 0] > 0:
                    _round_up(row, integers.lows[lane, r], np.float32(1 / integers.bounds[lane, 0]), tile[lane])
            for bucket in range(begin, end):
                for lane in range(LANES):
                    integers.table[r, bucket, lane] = tile[lane, bucket - begin]


@jit()
def _round_up(row, low, inverse, integers):
    for b in range(len(row)):
        integers[b] = np.uint8(min(max(np.ceil((row[b] - low) * inverse), np.float32(0)), np.float32(255)))


@jit()
def _compare(row, threshold, integers):
    for b in range(len(row)):
        integers[b] = row[b] >= threshold


@jit()
def _scan_range(block, integers, allowed, first, last):
    table, by_label, kind, scored = integers.table, block.table.by_label, block.kind, block.scored
    points, labels, values = block.points, block.best.labels, block.best.values
    offsets, line = block.table.offsets, block.table.line
    repetitions = block.scores.shape[1]
    scratch = np.empty(repetitions, np.float32)
    limits = np.full(LANES, 255, np.uint8)
    used = np.uint64(0)
    for lane in range(len(block.points)):
        if scored[lane] >= 0:
            used |= np.uint64(1) << np.uint64(lane)
            limits[lane] = _limit(kind, integers.bounds[lane], values[lane, -1], repetitions)
    for label in range(np.uint64(first), np.uint64(last)):
        # mypy counts the context that numba gives an intrinsic.
        reaching = lanes_reaching(table, by_label, label, limits) & used  # type: ignore[call-arg]
        while reaching:
            lane = trailing_zeros(reaching)
            reaching &= reaching - np.uint64(1)
            worst = values[lane, -1]
            score = score_label(Scorer(block.scores[points[lane]], by_label, kind, scratch), label, worst)
            if kind == WEIGHTED:
                score = utility_of(score, offsets[label], line, worst)
            best = BestList(labels[lane], values[lane])
            if score >= worst and insert(best, np.int32(label), score) > worst:
                limits[lane] = _limit(kind, integers.bounds[lane], values[lane, -1], repetitions)
            scored[lane] += 1
            if scored[lane] > allowed:
                scored[lane] = _TOO_COARSE
                used &= ~(np.uint64(1) << np.uint64(lane))
