"""Exact top k by mean score without scoring every label: the threshold algorithm, on a sketch.

Fagin, Lotem and Naor (2001): each repetition ranks its buckets, and every label is in one bucket of each repetition. The search
visits buckets best first. A label not met so far is, in every repetition, in an unvisited bucket, so its score is at most the
mean of the best unvisited buckets' scores. Once that bound is below the k-th best score found, no other label matters.

Scoring a label costs a cache miss; reading its id in a bucket's list costs next to nothing. A visit therefore only adds to the
label's gain, in a small table indexed by the last bits of the label (the gains of labels that share an entry add up). During the
search, the gain of a bucket is its score minus the typical score of its repetition: the labels with the largest gains are scored
to get a first k-th best score. At the end of the search, it is its score minus that of the best unvisited bucket of its
repetition: only labels whose gain can lift them from the bound to the k-th best score are scored.

The bound of labels not met needs no margin for rounding: it is computed by the operations that compute a score, in the same
order, and each of them is monotone in floating point. Ties go to the smaller label, so only a bound strictly below the k-th
best score ends the search. Utilities (mach_tf.decoding.utility) are at most such means over one more repetition, that of the weights, but are
computed otherwise: their bound needs the margin.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from mach_tf.decoding.best_list import NO_LABEL, BestList, insert
from mach_tf.decoding.ranking import extremes, largest, mean_and_deviation, steepest_fall
from mach_tf.decoding.scoring import mean_score
from mach_tf.decoding.table import bucket_scores
from mach_tf.decoding.utility import utility_of
from mach_tf.kernels import jit

# The number of buckets ranked per repetition, at first and at most.
_FIRST_KNOWN, _MOST_KNOWN = 16, 512
# Entries of the table of gains.
_SLOTS = 1 << 16
# The number of buckets visited before the k-th best score is first estimated.
_SEED_BUCKETS = 20
# How far below the k-th best score the bound is lowered, in mean gains of a bucket. A label then needs more than this many
# visited buckets to reach the k-th best score.
_MARGIN_GAINS = 2.0
# The cost of scoring a label, in labels read from a bucket's list (measured: 105 ns against 5 ns).
_SCORING_COST = 20
# The cost of visiting a bucket, in the same unit, apart from reading its labels (measured: about 300 ns).
_VISIT_COST = 64
_POINTS_PER_TASK = 2


class _Visits(NamedTuple):
    """The progress of one point's search in each repetition.

    Attributes:
      depth: int64 [R], the number of buckets visited, best first.
      known: int64 [R], the number of best buckets that are ranked.
      buckets: int32 [R, at most _MOST_KNOWN], the ranked buckets, best first.
      scores: float32, the same shape, the scores of the ranked buckets.
      falls: float32 [R], how steeply the scores fall from the best unvisited bucket onward.
    """

    depth: np.ndarray
    known: np.ndarray
    buckets: np.ndarray
    scores: np.ndarray
    falls: np.ndarray


class _Gains(NamedTuple):
    """The gains of labels: sums, over their visited buckets, of the score minus the typical score of the repetition.

    Attributes:
      sums: float32 [_SLOTS], the gains, added up over all labels with the same last bits.
      counted: int64 [R], the number of visited buckets whose gains have been added.
      typical: float32 [R], the typical bucket scores.
      candidates: the labels with the largest gains.
    """

    sums: np.ndarray
    counted: np.ndarray
    typical: np.ndarray
    candidates: BestList


@jit(parallel=True)
def search_mean(scores, table, points, budget, best):
    """Decodes MEAN, or utilities if the table has weights; gives up on a point if the search would cost more than `budget`.

    Args:
      scores: float32 [n, R, B].
      table: the bucket table.
      points: the points to decode, integers in [0, n).
      budget: the most that a point may cost; the unit is reading one label from a bucket's list.
      best: the lists [n, k], filled for these points.

    Returns:
      int64 [len(points)], the number of labels scored for each point, or -1 minus that number if the search gave up.
    """
    scored = np.empty(len(points), np.int64)
    for task in numba.prange((len(points) + _POINTS_PER_TASK - 1) // _POINTS_PER_TASK):
        sums = np.empty(_SLOTS, np.float32)
        for i in range(task * _POINTS_PER_TASK, min((task + 1) * _POINTS_PER_TASK, len(points))):
            point = points[i]
            scored[i] = _search(scores[point], table, budget, sums, BestList(best.labels[point], best.values[point]))
    return scored


@jit()
def _search(scores, table, budget, sums, best):
    repetitions, width = table.by_label.shape[1], scores.shape[1]
    limit = min(width, _MOST_KNOWN)
    visits = _Visits(
        np.zeros(repetitions, np.int64),
        np.full(repetitions, min(width, _FIRST_KNOWN)),
        np.empty((repetitions, limit), np.int32),
        np.empty((repetitions, limit), np.float32),
        np.empty(repetitions, np.float32),
    )
    n_candidates = 2 * len(best.labels)
    gains = _Gains(
        sums,
        np.zeros(repetitions, np.int64),
        np.empty(repetitions, np.float32),
        BestList(np.full(n_candidates, NO_LABEL, np.int32), np.full(n_candidates, -np.inf, np.float32)),
    )
    visit_cost = len(table.by_label) / width + _VISIT_COST
    sizes = np.float32(0)
    for r in range(repetitions):
        row = bucket_scores(scores, table, r)
        largest(row, visits.known[r], visits.buckets[r], visits.scores[r])
        visits.falls[r] = steepest_fall(visits.scores[r], 0, visits.known[r])
        gains.typical[r] = mean_and_deviation(row)[0]
        sizes += max(abs(visits.scores[r, 0]), abs(extremes(row)[0]))
    # Gains are sums of R float32 differences, added in a different order than the terms of a score.
    tolerance = sizes * np.float32((repetitions + 8) * 2.0**-22)
    margin = tolerance if len(table.offsets) else np.float32(0)
    best.labels[:] = NO_LABEL
    best.values[:] = -np.inf
    sums[:] = 0

    # Visit buckets until labels not met cannot be among the best; then go on, if that is cheap, until few of those met can.
    visited, estimated_at, enough, scored = 0, 0, 0, 0
    going = True
    while True:
        lead = (_bound(visits, len(scores)) - best.values[-1]) * np.float32(len(scores)) + margin
        fall = max(visits.falls.max(), np.float32(1e-30))
        if lead < 0:
            enough = enough or visited
            wanted = np.float32(_MARGIN_GAINS) * _mean_gain(visits)
            if not going or lead < -wanted or visited + (lead + wanted) / fall > 2 * enough:
                break
        elif visited >= _SEED_BUCKETS or not going:
            hopeless = not going or not (visited + lead / fall) * visit_cost < budget
            if hopeless and estimated_at == visited:
                return -1 - scored
            # The more buckets have been visited, the better the gains predict which labels are best.
            if hopeless or visited >= 2 * estimated_at:
                _count_gains(table, visits, gains)
                scored += _score_candidates(scores, table, gains.candidates, best)
                estimated_at = visited
                continue
        going = _go_deeper(scores, table, visits)
        visited += going
    allowed = (budget - visited * visit_cost) / _SCORING_COST
    return _score_possible(scores, table, visits, sums, tolerance, scored, allowed, best)


@jit()
def _go_deeper(scores, table, visits):
    """Visits the next bucket of the repetition with the steepest fall; returns False if no visit lowers the bound."""
    depth, known = visits.depth, visits.known
    r = int(np.argmax(visits.falls))
    if not visits.falls[r] > 0:
        return False
    depth[r] += 1
    if depth[r] * 2 > known[r] and known[r] < visits.scores.shape[1]:
        known[r] = min(known[r] * 4, visits.scores.shape[1])
        largest(bucket_scores(scores, table, r), known[r], visits.buckets[r], visits.scores[r])
    # At the last ranked bucket the fall is 0: no next bucket would bound the rest.
    visits.falls[r] = steepest_fall(visits.scores[r], depth[r], known[r])
    return True


@jit()
def _bound(visits, repetitions):
    """Returns the score that no label not met exceeds, computed by the operations of scoring.mean_score.

    Args:
      visits: the progress of the search.
      repetitions: R, without the weighted one.
    """
    total = visits.scores[0, visits.depth[0]]
    for r in range(1, len(visits.depth)):
        total += visits.scores[r, visits.depth[r]]
    return total * (np.float32(1) / np.float32(repetitions))


@jit()
def _mean_gain(visits):
    """Returns the mean over visited buckets of the score minus that of the best unvisited bucket of the repetition."""
    total, count = np.float32(0), 0
    for r in range(len(visits.depth)):
        for i in range(visits.depth[r]):
            total += visits.scores[r, i] - visits.scores[r, visits.depth[r]]
        count += visits.depth[r]
    return total / np.float32(count)


@jit()
def _count_gains(table, visits, gains):
    """Adds the gains of the buckets visited since the last call; keeps the labels with the largest gains as candidates."""
    sums, candidates = gains.sums, gains.candidates
    threshold = candidates.values[-1]
    for r in range(len(visits.depth)):
        for i in range(gains.counted[r], visits.depth[r]):
            gain = visits.scores[r, i] - gains.typical[r]
            bucket = visits.buckets[r, i]
            for j in range(np.uint64(table.splits[r, bucket]), np.uint64(table.splits[r, bucket + 1])):
                label = table.members[r, j]
                place = np.uint64(label) & np.uint64(_SLOTS - 1)
                sums[place] += gain
                if sums[place] > threshold:
                    _remove(candidates, label)
                    threshold = insert(candidates, label, sums[place])
        gains.counted[r] = visits.depth[r]


@jit()
def _remove(best, label):
    """Removes a label from a list that may hold it."""
    labels, values = best.labels, best.values
    for i in range(len(labels)):
        if labels[i] == label:
            labels[i:-1], values[i:-1] = labels[i + 1 :], values[i + 1 :]
            labels[-1], values[-1] = NO_LABEL, -np.inf
            break


@jit()
def _score_candidates(scores, table, candidates, best):
    """Scores the candidates and adds them to the list; returns their number."""
    scored = 0
    for label in candidates.labels:
        if label != NO_LABEL:
            insert(best, label, _score(scores, table, np.uint64(label), best.values[-1]))
            scored += 1
    return scored


@jit(inline="always")
def _score(scores, table, label, threshold):
    score = mean_score(scores, table.by_label, label)
    return utility_of(score, table.offsets[label], table.line, threshold) if len(table.offsets) else score


@jit()
def _score_possible(scores, table, visits, sums, tolerance, scored, allowed, best):
    """Adds up the gains above the bound, and scores the labels that these may lift to the k-th best score.

    At the last visit of a label, its entry in the table holds at least the label's whole gain, so one pass is enough.

    Returns:
      As `search_mean`, for one point.
    """
    depth, repetitions = visits.depth, len(scores)
    base = _bound(visits, repetitions)
    worst = best.values[-1]
    threshold = (worst - base) * np.float32(repetitions) - tolerance
    sums[:] = 0
    for r in range(len(depth)):
        for i in range(depth[r]):
            gain = visits.scores[r, i] - visits.scores[r, depth[r]]
            bucket = visits.buckets[r, i]
            for j in range(np.uint64(table.splits[r, bucket]), np.uint64(table.splits[r, bucket + 1])):
                label = table.members[r, j]
                place = np.uint64(label) & np.uint64(_SLOTS - 1)
                sums[place] += gain
                if sums[place] < threshold:
                    continue
                score = _score(scores, table, np.uint64(label), worst)
                scored += 1
                if score >= worst:
                    worst = insert(best, label, score)
                    threshold = (worst - base) * np.float32(repetitions) - tolerance
                if scored > allowed:
                    return -1 - scored
    return scored
