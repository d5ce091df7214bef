"""Exact top k by scoring every label, compiled and parallel: what decoding falls back to on flat sketches.

The kernels take bucket scores float32 [n, R, B], the bucket table label by label [K, R] (a label's R buckets lie together) and
the points to decode, and fill labels [n, k] and values [n, k] of those, by score descending, then label ascending.
"""

from __future__ import annotations

import numba
import numpy as np

MEAN, MIN, MEDIAN = 0, 1, 2
# Marks an empty place of a best-first list; with score -inf it ranks behind every label.
NO_LABEL = np.int32(2**31 - 1)

_LANES = 4
_LANE_BITS = 16
_GUARDS = np.uint64(0x8000800080008000)
_LEAST_BITS = 6
# Rescoring more than one label in so many means that the packed bounds tell them apart too badly to be worth it.
_RESCORED_PART = 16


@numba.njit(cache=True, inline="always")
def ranks_before(score, label, other_score, other_label):
    return score > other_score or (score == other_score and label < other_label)


@numba.njit(cache=True)
def insert(labels, values, label, score):
    """Adds a label to best-first lists, dropping the last, unless it is there or ranks behind all; gives the k-th best score."""
    j = len(values)
    while j > 0 and ranks_before(score, label, values[j - 1], labels[j - 1]):
        j -= 1
    if j < len(values) and not (j > 0 and labels[j - 1] == label):
        for i in range(len(values) - 1, j, -1):
            values[i] = values[i - 1]
            labels[i] = labels[i - 1]
        values[j] = score
        labels[j] = label
    return values[-1]


@numba.njit(cache=True, inline="always")
def score_label(scores, by_label, label, kind, scale, least, room):
    """A label's score, as sketch.combine computes it, or -inf when it is below `least`.

    Args:
      scores: [R, B] of one point.
      by_label: [K, R].
      label: in [0, K).
      kind: MEAN, MIN or MEDIAN.
      scale: 1 / R in float32.
      least: scores below it do not matter.
      room: float32 [R], scratch.
    """
    if kind == MEAN:
        return _mean(scores, by_label, label, scale)
    if kind == MIN:
        return _min(scores, by_label, label, least)
    return _median(scores, by_label, label, least, room)


@numba.njit(cache=True, inline="always")
def _mean(scores, by_label, label, scale):
    total = scores[0, by_label[label, 0]]
    for r in range(1, by_label.shape[1]):
        total += scores[r, by_label[label, r]]
    return total * scale


@numba.njit(cache=True, inline="always")
def _min(scores, by_label, label, least):
    lowest = scores[0, by_label[label, 0]]
    for r in range(1, by_label.shape[1]):
        if lowest < least:
            return np.float32(-np.inf)
        lowest = min(lowest, scores[r, by_label[label, r]])
    return lowest


@numba.njit(cache=True, inline="always")
def _median(scores, by_label, label, least, room):
    repetitions = by_label.shape[1]
    # The upper middle value must reach `least`: at most so many of the values may stay below it.
    below_allowed = repetitions // 2
    for r in range(repetitions):
        room[r] = scores[r, by_label[label, r]]
        below_allowed -= room[r] < least
        if below_allowed < 0:
            return np.float32(-np.inf)
    for r in range(1, repetitions):
        value = room[r]
        j = r
        while j > 0 and room[j - 1] > value:
            room[j] = room[j - 1]
            j -= 1
        room[j] = value
    return (room[(repetitions - 1) // 2] + room[repetitions // 2]) * np.float32(0.5)


@numba.njit(cache=True)
def _scan_range(scores, by_label, kind, first, last, labels, values):
    """Adds the labels first:last to one point's best-first lists."""
    scale = np.float32(1) / np.float32(by_label.shape[1])
    room = np.empty(by_label.shape[1], np.float32)
    worst = values[-1]
    # A loop an estimator: choosing inside one takes twice the time. An unsigned index is not checked for being negative.
    if kind == MEAN:
        for label in range(np.uint64(first), np.uint64(last)):
            score = _mean(scores, by_label, label, scale)
            if score >= worst:
                worst = insert(labels, values, np.int32(label), score)
    elif kind == MIN:
        for label in range(np.uint64(first), np.uint64(last)):
            score = _min(scores, by_label, label, worst)
            if score >= worst:
                worst = insert(labels, values, np.int32(label), score)
    else:
        for label in range(np.uint64(first), np.uint64(last)):
            score = _median(scores, by_label, label, worst, room)
            if score >= worst:
                worst = insert(labels, values, np.int32(label), score)


@numba.njit(cache=True, parallel=True)
def scan_plainly(scores, by_label, kind, points, chunks, labels, values):
    """Scores every label of each point by one gather a repetition; parallel over points x `chunks` ranges of labels."""
    count = by_label.shape[0]
    part_labels = np.full((chunks, *labels.shape), NO_LABEL, np.int32)
    part_values = np.full((chunks, *values.shape), -np.inf, np.float32)
    for task in numba.prange(len(points) * chunks):
        point, chunk = points[task // chunks], task % chunks
        first, last = count * chunk // chunks, count * (chunk + 1) // chunks
        _scan_range(scores[point], by_label, kind, first, last, part_labels[chunk, point], part_values[chunk, point])
    _merge(part_labels, part_values, points, labels, values)


@numba.njit(cache=True, parallel=True)
def scan_packed(scores, by_label, points, chunks, labels, values):
    """As `scan_plainly` for MEAN, four points to a 64-bit word, which makes one gather do for four.

    Each bucket score becomes a small integer, rounded up, in a 16-bit lane; the integers' sum bounds a label's score from above,
    and only labels whose bound reaches the k-th best are scored in float32.
    """
    count = by_label.shape[0]
    groups = (len(points) + _LANES - 1) // _LANES
    part_labels = np.full((chunks, *labels.shape), NO_LABEL, np.int32)
    part_values = np.full((chunks, *values.shape), -np.inf, np.float32)
    for task in numba.prange(groups * chunks):
        group, chunk = task // chunks, task % chunks
        first, last = count * chunk // chunks, count * (chunk + 1) // chunks
        members = points[group * _LANES : (group + 1) * _LANES]
        packed = np.zeros(scores.shape[1:], np.uint64)
        bounds = np.zeros((_LANES, 3))
        for lane in range(len(members)):
            bounds[lane] = _pack(scores[members[lane]], lane, packed)
        _scan_packed_range(
            scores, by_label, packed, bounds, members, first, last, part_labels[chunk], part_values[chunk]
        )
    _merge(part_labels, part_values, points, labels, values)


def can_pack(repetitions: int) -> bool:
    """Whether a lane has the room for sums over so many repetitions."""
    return _value_bits(repetitions) >= _LEAST_BITS


@numba.njit(cache=True)
def _value_bits(repetitions):
    bits = _LANE_BITS - 1
    while (1 << (_LANE_BITS - 1 - bits)) < repetitions:
        bits -= 1
    return bits


@numba.njit(cache=True)
def _pack(scores, lane, packed):
    """Adds one point's scores, as integers, to its lane of packed uint64 [R, B].

    Returns:
      (step, base, error): a label's sum of scores is at most base + step * (sum of its integers) + error; step is 0 when the scores
      cannot be packed (all equal, or not finite).
    """
    repetitions, buckets = scores.shape
    largest = (1 << _value_bits(repetitions)) - 2  # 1 less than fits: the division may round up past the top
    step, base, error = np.float64(0), np.float64(0), np.float64(0)
    for r in range(repetitions):
        low, high = np.float64(scores[r].min()), np.float64(scores[r].max())
        step = max(step, (high - low) / largest)
        base += low
        error += max(abs(low), abs(high))
    if not (np.isfinite(step) and np.isfinite(error)) or step == 0.0:
        return 0.0, 0.0, 0.0
    shift = np.uint64(lane * _LANE_BITS)
    for r in range(repetitions):
        low = np.float64(scores[r].min())
        for b in range(buckets):
            packed[r, b] |= np.uint64(np.ceil((np.float64(scores[r, b]) - low) / step)) << shift
    # The float32 sum of R terms errs by less than R * 2^-24 of their sizes' sum, scaling back by 1 / R and R by as much again.
    return step, base, error * (repetitions + 4) * 2.0**-23


@numba.njit(cache=True)
def _room_to_guard(bounds, worst, repetitions):
    """What a lane's sum must be added to for its guard bit to tell that the label may reach the score `worst`."""
    step, base, error = bounds
    if worst == -np.inf:
        return np.uint64(0x8000)
    least = np.floor((np.float64(worst) * repetitions - base - error) / step) - 1.0
    return np.uint64(0x8000 - min(max(least, 0.0), 32768.0))


@numba.njit(cache=True)
def _scan_packed_range(scores, by_label, packed, bounds, members, first, last, labels, values):
    repetitions = by_label.shape[1]
    scale = np.float32(1) / np.float32(repetitions)
    room = np.empty(0, np.float32)
    rescored = np.zeros(_LANES, np.int64)
    addend = np.uint64(0)
    for lane in range(len(members)):
        point = members[lane]
        if bounds[lane, 0] == 0.0:
            _scan_range(scores[point], by_label, MEAN, first, last, labels[point], values[point])
        else:
            addend |= _room_to_guard(bounds[lane], values[point, -1], repetitions) << np.uint64(lane * _LANE_BITS)
    for label in range(first, last):
        total = addend
        for r in range(repetitions):
            total += packed[r, by_label[label, r]]
        reached = total & _GUARDS
        if not reached:
            continue
        for lane in range(len(members)):
            shift = np.uint64(lane * _LANE_BITS)
            if not (reached >> shift) & np.uint64(0x8000):
                continue
            point = members[lane]
            score = score_label(scores[point], by_label, label, MEAN, scale, values[point, -1], room)
            rescored[lane] += 1
            insert(labels[point], values[point], label, score)
            addend &= ~(np.uint64(0xFFFF) << shift)
            if rescored[lane] * _RESCORED_PART > last - first:
                _scan_range(scores[point], by_label, MEAN, label + 1, last, labels[point], values[point])
            else:
                addend |= _room_to_guard(bounds[lane], values[point, -1], repetitions) << shift


@numba.njit(cache=True)
def _merge(part_labels, part_values, points, labels, values):
    for point in points:
        labels[point] = NO_LABEL
        values[point] = -np.inf
        for chunk in range(len(part_labels)):
            for j in range(labels.shape[1]):
                insert(labels[point], values[point], part_labels[chunk, point, j], part_values[chunk, point, j])
