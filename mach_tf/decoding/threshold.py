"""Exact top k by mean score without scoring every label: the threshold algorithm, on a sketch.

Fagin, Lotem and Naor (2001): each repetition ranks its buckets, and every label stands in one bucket of each repetition. Buckets
are visited best first. A label not met so far is, in every repetition, in an unvisited bucket, so its score is at most the
mean of the best unvisited buckets' scores; when that is below the k-th best score found, no other label matters.

Scoring a label costs a cache miss, reading its number in a bucket's list next to nothing. So a visit only adds to the label's
gain, in a small table indexed by the label's last bits (labels that share a place add up). On the way a gain is what the
visited buckets score above what is typical in their repetitions: the labels with most of it give a first k-th best score. At
the end it is what they score above the best unvisited buckets, and only labels whose gain can make up what the bound lacks
are scored.

The bound of labels not met needs no margin for rounding: it is computed by the operations that compute a score, in the same
order, and each of them is monotone in floating point. Equal scores are settled by label, so only a bound strictly below
ends the search.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.decoding.ranking import extremes, largest, mean_and_deviation, steepest_fall
from mach_tf.decoding.scan import NO_LABEL, insert, score_label
from mach_tf.estimators import MEAN

_FIRST_KNOWN = 16
_MOST_KNOWN = 512
_SLOTS = 1 << 16
# Buckets visited before the k-th best score is first estimated.
_SEED_BUCKETS = 20
# How much further than needed the bound is brought down, in gains of a bucket: that many visits, and one, a label then needs.
_MARGIN_GAINS = 2.0
# What scoring a label costs, in labels read from a bucket's list (measured: 105 ns against 5).
_SCORING_COST = 20
# What visiting a bucket costs beside that (measured: about 300 ns).
_VISIT_COST = 64
_POINTS_A_TASK = 2


@numba.njit(cache=True, parallel=True)
def search_mean(scores, by_label, splits, members, points, budget, labels, values):
    """Decodes MEAN.

    Args:
      scores: float32 [n, R, B].
      by_label: [K, R], the bucket table label by label.
      splits, members: the bucket table's inverse.
      points: which of the n to decode.
      budget: what a point may cost, in labels read from the buckets' lists; the search for it is given up beyond.
      labels, values: int32 and float32 [n, k], filled at these points.

    Returns:
      int64 [len(points)], labels scored for each point; negative (and one less) for a point that was given up.
    """
    scored = np.empty(len(points), np.int64)
    for task in numba.prange((len(points) + _POINTS_A_TASK - 1) // _POINTS_A_TASK):
        gains = np.empty(_SLOTS, np.float32)
        for i in range(task * _POINTS_A_TASK, min((task + 1) * _POINTS_A_TASK, len(points))):
            point = points[i]
            scored[i] = _search(scores[point], by_label, splits, members, budget, gains, labels[point], values[point])
    return scored


@numba.njit(cache=True)
def _search(scores, by_label, splits, members, budget, gains, labels, values):
    repetitions, width = scores.shape
    limit = min(width, _MOST_KNOWN)
    known = np.full(repetitions, min(width, _FIRST_KNOWN))
    depth = np.zeros(repetitions, np.int64)
    ranked = np.empty((repetitions, limit), np.int32)
    best = np.empty((repetitions, limit), np.float32)
    falls = np.empty(repetitions, np.float32)
    typical = np.empty(repetitions, np.float32)
    visit_cost = by_label.shape[0] / width + _VISIT_COST
    sizes = np.float32(0)
    for r in range(repetitions):
        largest(scores[r], known[r], ranked[r], best[r])
        falls[r] = steepest_fall(best[r], 0, known[r])
        typical[r] = mean_and_deviation(scores[r])[0]
        sizes += max(abs(best[r, 0]), abs(extremes(scores[r])[0]))
    # Gains are sums of R float32 differences, in another order than a score's.
    tolerance = sizes * np.float32((repetitions + 8) * 2.0**-22)
    labels[:] = NO_LABEL
    values[:] = -np.inf
    counted = np.zeros(repetitions, np.int64)
    likely = np.full(2 * len(labels), NO_LABEL, np.int32)
    likely_gains = np.full(len(likely), -np.inf, np.float32)
    gains[:] = 0

    # Down to where unmet labels cannot win; then on, if that is cheap, until few of those met can.
    visited, estimated_at, enough, scored = 0, 0, 0, 0
    going = True
    while True:
        lacking = (_bound(best, depth) - values[-1]) * np.float32(repetitions)
        fall = max(falls.max(), np.float32(1e-30))
        if lacking < 0:
            enough = enough or visited
            wanted = np.float32(_MARGIN_GAINS) * _mean_gain(best, depth)
            if not going or lacking < -wanted or visited + (lacking + wanted) / fall > 2 * enough:
                break
        elif visited >= _SEED_BUCKETS or not going:
            hopeless = not going or not (visited + lacking / fall) * visit_cost < budget
            if hopeless and estimated_at == visited:
                return -1 - scored
            # The more buckets are visited, the better the gains tell which labels are best.
            if hopeless or visited >= 2 * estimated_at:
                _count_gains(depth, counted, ranked, best, typical, splits, members, gains, likely, likely_gains)
                scored += _score_labels(scores, by_label, likely, labels, values)
                estimated_at = visited
                continue
        going = _go_deeper(scores, known, depth, ranked, best, falls)
        visited += going
    allowed = (budget - visited * visit_cost) / _SCORING_COST
    return _score_possible(
        scores, by_label, depth, ranked, best, splits, members, gains, tolerance, scored, allowed, labels, values
    )


@numba.njit(cache=True)
def _go_deeper(scores, known, depth, ranked, best, falls):
    """Visits the next bucket of the repetition whose fall is steepest; False when no visit lowers the bound."""
    r = int(np.argmax(falls))
    if not falls[r] > 0:
        return False
    depth[r] += 1
    if depth[r] * 2 > known[r] and known[r] < best.shape[1]:
        known[r] = min(known[r] * 4, best.shape[1])
        largest(scores[r], known[r], ranked[r], best[r])
    # At the end of what is known there is no next bucket to bound the rest.
    falls[r] = steepest_fall(best[r], depth[r], known[r])
    return True


@numba.njit(cache=True)
def _bound(best, depth):
    """The score that no unmet label exceeds, by the operations of scan.score_label."""
    total = best[0, depth[0]]
    for r in range(1, len(best)):
        total += best[r, depth[r]]
    return total * (np.float32(1) / np.float32(len(best)))


@numba.njit(cache=True)
def _mean_gain(best, depth):
    """What a visited bucket scores above its repetition's unvisited ones, on average."""
    total, count = np.float32(0), 0
    for r in range(len(best)):
        for i in range(depth[r]):
            total += best[r, i] - best[r, depth[r]]
        count += depth[r]
    return total / np.float32(count)


@numba.njit(cache=True)
def _count_gains(depth, counted, ranked, best, typical, splits, members, gains, likely, likely_gains):
    """Adds what buckets visited since the last time score above what is typical to their labels' gains; keeps the labels that gained most."""
    least = likely_gains[-1]
    for r in range(len(depth)):
        for i in range(counted[r], depth[r]):
            gain = best[r, i] - typical[r]
            bucket = ranked[r, i]
            for j in range(np.uint64(splits[r, bucket]), np.uint64(splits[r, bucket + 1])):
                label = members[r, j]
                place = np.uint64(label) & np.uint64(_SLOTS - 1)
                gains[place] += gain
                if gains[place] > least:
                    _take_out(likely, likely_gains, label)
                    least = insert(likely, likely_gains, label, gains[place])
        counted[r] = depth[r]


@numba.njit(cache=True)
def _take_out(labels, values, label):
    """Takes a label out of best-first lists, if it is there."""
    for i in range(len(labels)):
        if labels[i] == label:
            labels[i:-1], values[i:-1] = labels[i + 1 :], values[i + 1 :]
            labels[-1], values[-1] = NO_LABEL, -np.inf
            break


@numba.njit(cache=True)
def _score_labels(scores, by_label, chosen, labels, values):
    """Adds chosen labels, by their scores, to the best-first lists; returns how many were scored."""
    scale = np.float32(1) / np.float32(len(scores))
    room = np.empty(0, np.float32)
    scored = 0
    for label in chosen:
        if label != NO_LABEL:
            score = score_label(scores, by_label, np.uint64(label), MEAN, scale, values[-1], room)
            insert(labels, values, label, score)
            scored += 1
    return scored


@numba.njit(cache=True)
def _score_possible(
    scores, by_label, depth, ranked, best, splits, members, gains, tolerance, scored, allowed, labels, values
):
    """Adds up the gains, and scores the labels that they may lift to the k-th best score.

    At a label's last visit its place in the table holds at least its whole gain: it need not be looked at again.
    """
    repetitions = len(depth)
    scale = np.float32(1) / np.float32(repetitions)
    room = np.empty(0, np.float32)
    base = _bound(best, depth)
    worst = values[-1]
    least = (worst - base) * np.float32(repetitions) - tolerance
    gains[:] = 0
    for r in range(repetitions):
        for i in range(depth[r]):
            gain = best[r, i] - best[r, depth[r]]
            bucket = ranked[r, i]
            for j in range(np.uint64(splits[r, bucket]), np.uint64(splits[r, bucket + 1])):
                label = members[r, j]
                place = np.uint64(label) & np.uint64(_SLOTS - 1)
                gains[place] += gain
                if gains[place] < least:
                    continue
                score = score_label(scores, by_label, np.uint64(label), MEAN, scale, worst, room)
                scored += 1
                if score >= worst:
                    worst = insert(labels, values, label, score)
                    least = (worst - base) * np.float32(repetitions) - tolerance
                if scored > allowed:
                    return -1 - scored
    return scored
