"""Exact top k without scoring every label: the threshold algorithm of Fagin, Lotem and Naor (2001), on a sketch.

Each repetition ranks its buckets, and every label stands in one bucket of each repetition. Buckets are visited best first, their
labels scored. A label not met so far is, in every repetition, in an unvisited bucket, so its score is at most the
estimator of the best unvisited buckets' scores. When that bound is below the k-th best score found, the top k are exact.

The bound needs no margin for rounding: it is computed by the operations that compute a score, in the same order, and each of
them is monotone in floating point. Equal scores are settled by label, so that only a bound strictly below ends the search.

The kernels take scores float32 [n, R, B] and the bucket table both ways, and fill labels [n, k] and values [n, k]. They return the labels
scored for each point, int64 [n]; negative for a point on which they gave up because the search would cost more than
scoring every label, which is then left to mach_tf.scan.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.scan import MEAN, MIN, NO_LABEL, insert, score_label

_FIRST_KNOWN = 32
_MOST_KNOWN = 512
_SEED_BUCKETS = 8


@numba.njit(cache=True)
def largest(row, count, buckets, values):
    """The `count` largest values of a row, best first, with their places."""
    for i in range(count):
        values[i] = -np.inf
        buckets[i] = 0
    worst = values[count - 1]
    found = 0
    for bucket in range(len(row)):
        value = row[bucket]
        if value > worst or found < count:
            j = min(found, count - 1)
            while j > 0 and values[j - 1] < value:
                values[j] = values[j - 1]
                buckets[j] = buckets[j - 1]
                j -= 1
            values[j] = value
            buckets[j] = bucket
            found += 1
            if found >= count:
                worst = values[count - 1]


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


@numba.njit(cache=True)
def _steepest_fall(values, depth, known):
    """The largest fall a bucket of the bound when buckets from `depth` on are visited, over how many it pays to visit."""
    best = np.float32(0)
    for j in range(depth + 1, known):
        best = max(best, (values[depth] - values[j]) / np.float32(j - depth))
    return best


@numba.njit(cache=True, parallel=True)
def search_mean(scores, by_label, splits, members, budget, labels, values):
    """The threshold algorithm for sums, visiting where the bound falls fastest; gives up after `budget` labels."""
    scored = np.empty(len(scores), np.int64)
    for point in numba.prange(len(scores)):
        scored[point] = _search_mean(scores[point], by_label, splits, members, budget, labels[point], values[point])
    return scored


@numba.njit(cache=True)
def _search_mean(scores, by_label, splits, members, budget, labels, values):
    repetitions, width = scores.shape
    limit = min(width, _MOST_KNOWN)
    known = np.full(repetitions, min(width, _FIRST_KNOWN))
    depth = np.zeros(repetitions, np.int64)
    ranked = np.empty((repetitions, limit), np.int32)
    ranked_values = np.empty((repetitions, limit), np.float32)
    falls = np.empty(repetitions, np.float32)
    scale = np.float32(1) / np.float32(repetitions)
    room = np.empty(0, np.float32)
    bucket_size = by_label.shape[0] / width
    for r in range(repetitions):
        largest(scores[r], known[r], ranked[r], ranked_values[r])
        falls[r] = _steepest_fall(ranked_values[r], 0, known[r])
    labels[:] = NO_LABEL
    values[:] = -np.inf
    worst = values[-1]
    scored = 0
    while True:
        bound = ranked_values[0, depth[0]]
        for r in range(1, repetitions):
            bound += ranked_values[r, depth[r]]
        bound *= scale
        if bound < worst:
            return scored
        r = int(np.argmax(falls))
        if not falls[r] > 0:
            return -1 - scored
        if labels[-1] != NO_LABEL and scored + (bound - worst) / (falls[r] * scale) * bucket_size > budget:
            return -1 - scored
        bucket = ranked[r, depth[r]]
        begin, end = splits[r, bucket], splits[r, bucket + 1]
        worst = _visit(scores, by_label, begin, end, members[r], MEAN, scale, room, labels, values)
        scored += end - begin
        depth[r] += 1
        if depth[r] * 2 > known[r] and known[r] < limit:
            known[r] = min(known[r] * 4, limit)
            largest(scores[r], known[r], ranked[r], ranked_values[r])
        if depth[r] == known[r]:
            return -1 - scored
        falls[r] = _steepest_fall(ranked_values[r], depth[r], known[r])


@numba.njit(cache=True, parallel=True)
def search_order_statistic(scores, by_label, splits, members, kind, budget, labels, values):
    """The threshold algorithm for MIN and MEDIAN; gives up after `budget` labels.

    A repetition holds such a bound down only when all its buckets that reach the k-th best score are visited. MIN needs that
    of one repetition, MEDIAN of half of them and one; those with the fewest such buckets are taken.
    """
    scored = np.empty(len(scores), np.int64)
    for point in numba.prange(len(scores)):
        scored[point] = _search_order_statistic(
            scores[point], by_label, splits, members, kind, budget, labels[point], values[point]
        )
    return scored


@numba.njit(cache=True)
def _search_order_statistic(scores, by_label, splits, members, kind, budget, labels, values):
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
        count = min(np.sum(scores[r] >= worst), width)
        if scored + count * bucket_size > budget:
            return -1 - scored
        largest(scores[r], max(count, 1), ranked, ranked_values)
        for i in range(count):
            if ranked_values[i] < worst:
                break
            begin, end = splits[r, ranked[i]], splits[r, ranked[i] + 1]
            worst = _visit(scores, by_label, begin, end, members[r], kind, scale, room, labels, values)
            scored += end - begin
    # In so many repetitions, a label not met stands below the k-th best score; so does its minimum, or its median.
    return scored
