"""Exact top k by bounding every label's score, 64 points at a time.

Each bucket score becomes an integer of one byte, rounded up so that it bounds the score from above. A bucket's integers for 64
points fill a cache line, and adding R lines bounds a label's score for 64 points in the time that scoring it for two or three
takes. Only labels whose bound reaches a point's k-th best score are scored, in float32.

For MEAN the integers are steps up from a repetition's lowest score, so large that the k-th best score lies near the top of a
byte; sums beyond a byte stay at 255 and reach any limit. For MIN and MEDIAN an integer tells whether the bucket score reaches the
k-th best one: all of a label's must, or half.
"""

from __future__ import annotations

import numba
import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from mach_tf.decoding.lanes import LANES, lanes_reaching
from mach_tf.decoding.ranking import extremes, mean_and_deviation
from mach_tf.decoding.scan import insert, merge, scan_range, score_label
from mach_tf.estimators import MEAN, MIN

# The sum of integers that stands for the k-th best score when they are made; up to 255 there is room for a better one.
_LEVELS = 232
# So many labels (MEAN, MIN, MEDIAN), or so many times k, are scored first, for a k-th best score to begin with.
_FIRST_LABELS, _FIRST_TIMES_K = (256, 512, 512), 4
# Scoring more than one label in so many, beyond a few, the integers are too coarse: scoring every label is as fast.
_SCORED_PART = 16
_SCORED_AT_LEAST = 64
_TOO_COARSE = -1
# Buckets turned at a time from point by point to bucket by bucket, in the first-level cache.
_TILE = 128


def scan_blocks(scores, by_label, kind, points, chunks, labels, values):
    """As scan.scan_plainly; parallel over blocks of points x `chunks` ranges of labels.

    Returns:
      int64 [len(points)], how many labels were scored, the others being bounded; negative for points that are left to do, whose
      scores are too close to each other or not finite.
    """
    # Each chunk adds to lists of its own. What is not needed inside the parallel kernel stays out: there it takes seconds to compile.
    part_labels, part_values = np.tile(labels[points], (chunks, 1, 1)), np.tile(values[points], (chunks, 1, 1))
    part_scored = np.empty((chunks, len(points)), np.int64)
    _scan_parts(scores, by_label, kind, points, part_labels, part_values, part_scored)
    _merge_parts(part_labels, part_values, points, labels, values)
    return np.where(part_scored.min(axis=0) < 0, _TOO_COARSE, part_scored.sum(axis=0))


@numba.njit(cache=True, parallel=True)
def _scan_parts(scores, by_label, kind, points, labels, values, scored):
    for task in numba.prange((len(points) + LANES - 1) // LANES * len(labels)):
        _scan_part(task, scores, by_label, kind, points, labels, values, scored)


@numba.njit(cache=True)
def _scan_part(task, scores, by_label, kind, points, labels, values, scored):
    count, chunks = len(by_label), len(labels)
    block, chunk = task // chunks, task % chunks
    begin, end = block * LANES, min((block + 1) * LANES, len(points))
    _scan_block(
        *(scores, by_label, kind, points[begin:end], count * chunk // chunks, count * (chunk + 1) // chunks),
        *(labels[chunk, begin:end], values[chunk, begin:end], scored[chunk, begin:end]),
    )


@numba.njit(cache=True)
def _merge_parts(part_labels, part_values, points, labels, values):
    for i in range(len(points)):
        merge(part_labels[:, i], part_values[:, i], labels[points[i]], values[points[i]])


@numba.njit(cache=True)
def _scan_block(scores, by_label, kind, points, first, last, labels, values, scored):
    """Adds the labels first:last to the lists, labels and values [:, k], of at most LANES points; fills scored."""
    repetitions, buckets = scores.shape[1:]
    room = np.empty(repetitions * buckets * LANES + LANES, np.uint8)
    # Unaligned, a bucket's integers would lie in two cache lines.
    aligned = -room.ctypes.data % LANES
    table = room[aligned : aligned + repetitions * buckets * LANES].reshape((repetitions, buckets, LANES))
    lows = np.empty((len(points), repetitions), np.float32)
    bounds = np.zeros((len(points), 3))
    tried = min(last - first, max(_FIRST_LABELS[kind], _FIRST_TIMES_K * labels.shape[1]))
    for lane in range(len(points)):
        if kind == MEAN:
            _find_base(scores[points[lane]], lows[lane], bounds[lane])
        scan_range(scores[points[lane]], by_label, kind, first, first + tried, labels[lane], values[lane])
        scored[lane] = tried
    # Half-way, by ratios, the k-th best score is better, and the integers are made anew.
    half = first + int(np.sqrt(tried * (last - first)))
    for begin, end in ((first, half), (half, last)):
        for lane in range(len(points)):
            bounds[lane, 0] = _step(kind, bounds[lane], values[lane, -1], repetitions)
            if bounds[lane, 0] == 0.0:
                scored[lane] = _TOO_COARSE
        _fill(scores, kind, points, lows, bounds, values, table)
        allowed = tried + _SCORED_AT_LEAST + (end - first) // _SCORED_PART
        _scan_range(scores, by_label, kind, table, bounds, points, allowed, begin, end, labels, values, scored)


@numba.njit(cache=True)
def _find_base(scores, lows, bound):
    """Fills lows [R], what a point's scores [R, B] are counted from, and bound[1:]: a label's sum of scores is at most
    bound[1] + step * (sum of its integers) + bound[2]."""
    for r in range(len(scores)):
        low, high = extremes(scores[r])
        mean, deviation = mean_and_deviation(scores[r])
        # Lower scores count as that: labels near the k-th best have few of them, and the steps become shorter. Comparing so,
        # a mean that is not finite does no harm.
        typical = mean - 2 * deviation
        lows[r] = typical if typical > low else low
        bound[1] += lows[r]
        bound[2] += max(abs(low), abs(high))
    # The float32 sum of R terms errs by less than R * 2^-24 of their sizes' sum, scaling back by 1 / R and R by as much again.
    bound[2] *= (len(scores) + 4) * 2.0**-23


@numba.njit(cache=True)
def _step(kind, bound, worst, repetitions):
    """The step of a point's integers, given its k-th best score; 0 when scores cannot be told apart so."""
    if kind != MEAN:
        return 1.0 if worst > -np.inf else 0.0
    step = (np.float64(worst) * repetitions - bound[1] - bound[2]) / _LEVELS
    return step if 1e-30 < step < 1e30 else 0.0


@numba.njit(cache=True)
def _limit(kind, bound, worst, repetitions):
    """What the sum of a label's integers must be at least for its score to reach `worst`."""
    if kind == MEAN:
        steps = (np.float64(worst) * repetitions - bound[1] - bound[2]) / bound[0]
        # Each integer was rounded up from a float32 number below 256, which errs by less than 2^-14.
        return np.uint8(min(max(np.ceil(steps - repetitions * 2.0**-14), 0.0), 255.0))
    # A median is at most its upper middle value.
    return np.uint8(min(repetitions if kind == MIN else repetitions - repetitions // 2, 255))


@numba.njit(cache=True)
def _fill(scores, kind, points, lows, bounds, values, table):
    """Fills table, uint8 [R, B, LANES], with the integers of the points' scores."""
    buckets = scores.shape[2]
    integers = np.zeros((LANES, _TILE), np.uint8)
    for r in range(len(table)):
        for begin in range(0, buckets, _TILE):
            end = min(begin + _TILE, buckets)
            for lane in range(len(points)):
                row = scores[points[lane], r, begin:end]
                if kind != MEAN:
                    _compare(row, values[lane, -1], integers[lane])
                elif bounds[lane, 0] > 0:
                    _round_up(row, lows[lane, r], np.float32(1 / bounds[lane, 0]), integers[lane])
            for bucket in range(begin, end):
                for lane in range(LANES):
                    table[r, bucket, lane] = integers[lane, bucket - begin]


@numba.njit(cache=True)
def _round_up(row, low, inverse, integers):
    for b in range(len(row)):
        integers[b] = np.uint8(min(max(np.ceil((row[b] - low) * inverse), np.float32(0)), np.float32(255)))


@numba.njit(cache=True)
def _compare(row, least, integers):
    for b in range(len(row)):
        integers[b] = row[b] >= least


@numba.njit(cache=True)
def _scan_range(scores, by_label, kind, table, bounds, points, allowed, first, last, labels, values, scored):
    repetitions = by_label.shape[1]
    scale = np.float32(1) / np.float32(repetitions)
    room = np.empty(repetitions, np.float32)
    limits = np.full(LANES, 255, np.uint8)
    used = np.uint64(0)
    for lane in range(len(points)):
        if scored[lane] >= 0:
            used |= np.uint64(1) << np.uint64(lane)
            limits[lane] = _limit(kind, bounds[lane], values[lane, -1], repetitions)
    for label in range(np.uint64(first), np.uint64(last)):
        # mypy counts the context that numba gives an intrinsic.
        reaching = lanes_reaching(table, by_label, label, limits) & used  # type: ignore[call-arg]
        while reaching:
            lane = trailing_zeros(reaching)
            reaching &= reaching - np.uint64(1)
            worst = values[lane, -1]
            score = score_label(scores[points[lane]], by_label, label, kind, scale, worst, room)
            if score >= worst and insert(labels[lane], values[lane], np.int32(label), score) > worst:
                limits[lane] = _limit(kind, bounds[lane], values[lane, -1], repetitions)
            scored[lane] += 1
            if scored[lane] > allowed:
                scored[lane] = _TOO_COARSE
                used &= ~(np.uint64(1) << np.uint64(lane))
