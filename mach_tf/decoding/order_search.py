"""The threshold algorithm for the minimum and the median of a label's bucket scores; see mach_tf.decoding.threshold."""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.decoding.best_list import NO_LABEL, BestList, insert
from mach_tf.decoding.ranking import largest
from mach_tf.decoding.scoring import Scorer, score_label
from mach_tf.estimators import MIN
from mach_tf.kernels import jit

_SEED_BUCKETS = 8


@jit(parallel=True)
def search_order_statistic(scores, table, kind, points, budget, best):
    """Decodes MIN and MEDIAN; gives up on a point rather than score more than about `budget` labels for it.

    Once all buckets of a repetition that reach the k-th best score have been visited, a label not met scores below the k-th
    best in that repetition. For MIN one such repetition is enough, for MEDIAN R // 2 + 1 are; the search takes those with the
    fewest such buckets.

    Args:
      scores: float32 [n, R, B].
      table: the bucket table.
      kind: MIN or MEDIAN.
      points: the points to decode, integers in [0, n).
      budget: the number of labels that may be scored for a point.
      best: the lists [n, k], filled for these points.

    Returns:
      int64 [len(points)], the number of labels scored for each point, or -1 minus that number if the search gave up.
    """
    scored = np.empty(len(points), np.int64)
    for i in numba.prange(len(points)):
        point = points[i]
        scored[i] = _search(scores[point], table, kind, budget, BestList(best.labels[point], best.values[point]))
    return scored


@jit()
def _search(scores, table, kind, budget, best):
    repetitions, width = scores.shape
    scorer = Scorer(scores, table.by_label, kind, np.empty(repetitions, np.float32))
    ranked = np.empty(width, np.int32)
    ranked_values = np.empty(width, np.float32)
    bucket_size = len(table.by_label) / width
    best.labels[:] = NO_LABEL
    best.values[:] = -np.inf
    scored = 0

    # A first estimate of the k-th best score, from the repetition whose scores fall the most.
    seed = min(width, _SEED_BUCKETS)
    start, fall = 0, np.float32(-1)
    for r in range(repetitions):
        largest(scores[r], seed, ranked, ranked_values)
        if ranked_values[0] - ranked_values[seed - 1] > fall:
            start, fall = r, ranked_values[0] - ranked_values[seed - 1]
    largest(scores[start], seed, ranked, ranked_values)
    for i in range(seed):
        if ranked_values[i] < best.values[-1]:
            break
        scored += _visit(scorer, table, start, ranked[i], best)
    if best.labels[-1] == NO_LABEL:
        return -1 - scored

    reaching = np.empty(repetitions, np.int64)
    for r in range(repetitions):
        reaching[r] = np.sum(scores[r] >= best.values[-1])
    order = np.argsort(reaching)
    for done in range(1 if kind == MIN else repetitions // 2 + 1):
        r = order[done]
        count = np.sum(scores[r] >= best.values[-1])
        if scored + count * bucket_size > budget:
            return -1 - scored
        if count:
            largest(scores[r], count, ranked, ranked_values)
        for i in range(count):
            if ranked_values[i] < best.values[-1]:
                break
            scored += _visit(scorer, table, r, ranked[i], best)
    # In these repetitions a label not met scores below the k-th best; hence so does its minimum, or its median.
    return scored


@jit()
def _visit(scorer, table, r, bucket, best):
    """Scores the labels of one bucket; returns their number."""
    begin, end = table.splits[r, bucket], table.splits[r, bucket + 1]
    worst = best.values[-1]
    for i in range(np.uint64(begin), np.uint64(end)):
        label = table.members[r, i]
        score = score_label(scorer, np.uint64(label), worst)
        if score >= worst:
            worst = insert(best, label, score)
    return end - begin
