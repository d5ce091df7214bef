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

# Bucket scores packed into lanes of 64-bit words become integers up to one of these: few, so that lanes are narrow, and where that
# is too coarse to tell labels apart, more.
PACKINGS = (15, 1023)
# Rescoring more than one label in so many is taken as too coarse.
_RESCORED_PART = 256
# Rescored labels that are always allowed: the first ones fill the list.
_RESCORED_AT_LEAST = 1024


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


def scan_packed(scores, by_label, points, chunks, largest, labels, values):
    """As `scan_plainly` for MEAN, several points to a 64-bit word, which makes one gather do for all of them.

    Each bucket score becomes a small integer, rounded up, in its point's lane; the integers' sum bounds a label's score from above,
    and only labels whose bound reaches the k-th best are scored in float32. A lane's first bit guards: it tells whether
    the sum in the others reached a limit.

    Args:
      largest: the largest integer of a bucket score, one of PACKINGS.

    Returns:
      The points that are left to do: their bounds are too coarse.
    """
    lane_bits = 1 + int(largest * by_label.shape[1]).bit_length()
    if lane_bits > 32:
        return points
    unfinished = np.zeros(len(scores), np.bool_)
    _scan_packed(scores, by_label, points, chunks, largest, lane_bits, unfinished, labels, values)
    return points[unfinished[points]]


@numba.njit(cache=True, parallel=True)
def _scan_packed(scores, by_label, points, chunks, largest, lane_bits, unfinished, labels, values):
    count, lanes = by_label.shape[0], 64 // lane_bits
    groups = (len(points) + lanes - 1) // lanes
    part_labels = np.full((chunks, *labels.shape), NO_LABEL, np.int32)
    part_values = np.full((chunks, *values.shape), -np.inf, np.float32)
    for task in numba.prange(groups * chunks):
        group, chunk = task // chunks, task % chunks
        first, last = count * chunk // chunks, count * (chunk + 1) // chunks
        members = points[group * lanes : (group + 1) * lanes]
        packed = np.zeros(scores.shape[1:], np.uint64)
        bounds = np.zeros((lanes, 3))
        for lane in range(len(members)):
            bounds[lane] = _pack(scores[members[lane]], lane * lane_bits, largest, packed)
        allowed = _RESCORED_AT_LEAST + (last - first) // _RESCORED_PART
        _scan_packed_range(
            *(scores, by_label, packed, bounds, members, lane_bits, allowed, first, last),
            *(unfinished, part_labels[chunk], part_values[chunk]),
        )
    _merge(part_labels, part_values, points, labels, values)


@numba.njit(cache=True)
def _pack(scores, shift, largest, packed):
    """Adds one point's scores, as integers, to its lane of packed uint64 [R, B].

    Returns:
      (step, base, error): a label's sum of scores is at most base + step * (sum of its integers) + error; step is 0 when the scores
      cannot be packed (all equal, or not finite).
    """
    repetitions, buckets = scores.shape
    step, base, error = np.float64(0), np.float64(0), np.float64(0)
    lows = np.empty(repetitions)
    for r in range(repetitions):
        low, high = scores[r, 0], scores[r, 0]
        for b in range(1, buckets):
            low, high = min(low, scores[r, b]), max(high, scores[r, b])
        lows[r] = low
        step = max(step, (np.float64(high) - np.float64(low)) / largest)
        base += low
        error += max(abs(low), abs(high))
    step *= 1 + 2.0**-40  # so that none is rounded up past the largest
    if not (step > 1e-300 and np.isfinite(step) and np.isfinite(error)):
        return 0.0, 0.0, 0.0
    inverse = 1 / step
    for r in range(repetitions):
        for b in range(buckets):
            packed[r, b] |= np.uint64(np.ceil((scores[r, b] - lows[r]) * inverse)) << np.uint64(shift)
    # The float32 sum of R terms errs by less than R * 2^-24 of their sizes' sum, scaling back by 1 / R and R by as much again.
    return step, base, error * (repetitions + 4) * 2.0**-23


@numba.njit(cache=True)
def _room_to_guard(bounds, worst, repetitions, lane_bits):
    """What a lane's sum must be added to for its guard bit to tell that the label may reach the score `worst`."""
    step, base, error = bounds
    guard = 1 << (lane_bits - 1)
    if worst == -np.inf:
        return np.uint64(guard)
    # The integers were rounded up from float64, which errs by far less than a thousandth of a step in sum.
    least = np.ceil((np.float64(worst) * repetitions - base - error) / step - 1e-3)
    return np.uint64(guard - min(max(least, 0.0), np.float64(guard)))


@numba.njit(cache=True)
def _scan_packed_range(
    scores, by_label, packed, bounds, members, lane_bits, allowed, first, last, unfinished, labels, values
):
    repetitions = by_label.shape[1]
    scale = np.float32(1) / np.float32(repetitions)
    room = np.empty(0, np.float32)
    rescored = np.zeros(len(members), np.int64)
    guard = np.uint64(1 << (lane_bits - 1))
    lane_mask = np.uint64((1 << lane_bits) - 1)
    guards, addend = np.uint64(0), np.uint64(0)
    for lane in range(len(members)):
        if bounds[lane, 0] == 0.0:
            unfinished[members[lane]] = True
        else:
            shift = np.uint64(lane * lane_bits)
            guards |= guard << shift
            addend |= _room_to_guard(bounds[lane], values[members[lane], -1], repetitions, lane_bits) << shift
    for label in range(np.uint64(first), np.uint64(last)):
        total = addend
        for r in range(np.uint64(repetitions)):
            total += packed[r, by_label[label, r]]
        reached = total & guards
        if not reached:
            continue
        for lane in range(len(members)):
            shift = np.uint64(lane * lane_bits)
            if not (reached >> shift) & guard:
                continue
            point = members[lane]
            score = score_label(scores[point], by_label, label, MEAN, scale, values[point, -1], room)
            rescored[lane] += 1
            worst = insert(labels[point], values[point], np.int32(label), score)
            addend &= ~(lane_mask << shift)
            if rescored[lane] > allowed:
                unfinished[point] = True
                guards &= ~(guard << shift)
            else:
                addend |= _room_to_guard(bounds[lane], worst, repetitions, lane_bits) << shift


@numba.njit(cache=True)
def _merge(part_labels, part_values, points, labels, values):
    for point in points:
        labels[point] = NO_LABEL
        values[point] = -np.inf
        for chunk in range(len(part_labels)):
            for j in range(labels.shape[1]):
                insert(labels[point], values[point], part_labels[chunk, point, j], part_values[chunk, point, j])
