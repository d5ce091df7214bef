"""Exact top k by scoring every label, compiled and parallel; and what every way of decoding shares.

The kernels take bucket scores float32 [n, R, B], the bucket table label by label [K, R] (a label's R buckets lie together) and
the points to decode, and complete labels [n, k] and values [n, k] of those: best-first lists, by score descending, then label ascending.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.estimators import MEAN, MIN

# Marks an empty place of a best-first list; with score -inf it ranks behind every label.
NO_LABEL = np.int32(2**31 - 1)


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
    """A label's score, as estimators.combine computes it, or -inf when it is below `least`.

    Args:
      scores: [R, B] of one point.
      by_label: [K, R].
      label: in [0, K).
      kind: estimators.MEAN, MIN or MEDIAN.
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
def scan_range(scores, by_label, kind, first, last, labels, values):
    """Adds the labels first:last to the best-first lists of one point, whose scores are [R, B]."""
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


@numba.njit(cache=True)
def merge(part_labels, part_values, labels, values):
    """Adds the lists [parts, k] of one point to its lists [k]."""
    for part in range(len(part_labels)):
        for j in range(len(labels)):
            insert(labels, values, part_labels[part, j], part_values[part, j])


@numba.njit(cache=True, parallel=True)
def scan_plainly(scores, by_label, kind, points, chunks, labels, values):
    """Scores every label of each point by one gather a repetition; parallel over points x `chunks` ranges of labels."""
    count = by_label.shape[0]
    part_labels = np.empty((len(points), chunks, labels.shape[1]), np.int32)
    part_values = np.empty((len(points), chunks, labels.shape[1]), np.float32)
    for task in numba.prange(len(points) * chunks):
        i, chunk = task // chunks, task % chunks
        point = points[i]
        part_labels[i, chunk], part_values[i, chunk] = labels[point], values[point]
        first, last = count * chunk // chunks, count * (chunk + 1) // chunks
        scan_range(scores[point], by_label, kind, first, last, part_labels[i, chunk], part_values[i, chunk])
    for i in range(len(points)):
        merge(part_labels[i], part_values[i], labels[points[i]], values[points[i]])
