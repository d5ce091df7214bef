"""The threshold algorithm for the minimum and the median of a label's bucket scores; see mach_tf.decoding.threshold."""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.decoding.ranking import largest
from mach_tf.decoding.scan import NO_LABEL, insert, score_label
from mach_tf.estimators import MIN

_SEED_BUCKETS = 8


@numba.njit(cache=True, parallel=True)
def search_order_statistic(scores, by_label, splits, members, kind, points, budget, labels, values):
    """Decodes MIN and MEDIAN; gives up on a point after scoring `budget` labels.

    A repetition holds such a bound down only when all its buckets that reach the k-th best score are visited. MIN needs that
    of one repetition, MEDIAN of half of them and one; those with the fewest such buckets are taken.
    """
    scored = np.empty(len(points), np.int64)
    for i in numba.prange(len(points)):
        point = points[i]
        scored[i] = _search(scores[point], by_label, splits, members, kind, budget, labels[point], values[point])
    return scored


@numba.njit(cache=True)
def _search(scores, by_label, splits, members, kind, budget, labels, values):
    repetitions, width = scores.shape
    ranked = np.empty(width, np.int32)
    ranked_values = np.empty(width, np.float32)
    scale = np.float32(1) / np.float32(repetitions)
    room = np.empty(repetitions, np.float32)
    bucket_size = by_label.shape[0] / width
    labels[:] = NO_LABEL
    values[:] = -np.inf
    scored = 0

    # A first guess of the k-th best score, from where the scores fall the most.
    seed = min(width, _SEED_BUCKETS)
    start, fall = 0, np.float32(-1)
    for r in range(repetitions):
        largest(scores[r], seed, ranked, ranked_values)
        if ranked_values[0] - ranked_values[seed - 1] > fall:
            start, fall = r, ranked_values[0] - ranked_values[seed - 1]
    largest(scores[start], seed, ranked, ranked_values)
    worst = values[-1]
    for i in range(seed):
        if ranked_values[i] < worst:
            break
        begin, end = splits[start, ranked[i]], splits[start, ranked[i] + 1]
        worst = _visit(scores, by_label, begin, end, members[start], kind, scale, room, labels, values)
        scored += end - begin
    if labels[-1] == NO_LABEL:
        return -1 - scored

    reaching = np.empty(repetitions, np.int64)
    for r in range(repetitions):
        reaching[r] = np.sum(scores[r] >= worst)
    order = np.argsort(reaching)
    for done in range(1 if kind == MIN else repetitions // 2 + 1):
        r = order[done]
        count = np.sum(scores[r] >= worst)
        if scored + count * bucket_size > budget:
            return -1 - scored
        if count:
            largest(scores[r], count, ranked, ranked_values)
        for i in range(count):
            if ranked_values[i] < worst:
                break
            begin, end = splits[r, ranked[i]], splits[r, ranked[i] + 1]
            worst = _visit(scores, by_label, begin, end, members[r], kind, scale, room, labels, values)
            scored += end - begin
    # In so many repetitions, a label not met stands below the k-th best score; so does its minimum, or its median.
    return scored


@numba.njit(cache=True)
def _visit(scores, by_label, begin, end, members, kind, scale, room, labels, values):
    """Scores the labels of one bucket; gives the k-th best score."""
    worst = values[-1]
    for i in range(np.uint64(begin), np.uint64(end)):
        label = members[i]
        score = score_label(scores, by_label, np.uint64(label), kind, scale, worst, room)
        if score >= worst:
            worst = insert(labels, values, label, score)
    return worst
