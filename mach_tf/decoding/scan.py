"""Exact top k by scoring every label, compiled and parallel.

Every kernel of this package takes bucket scores, float32 [n, R, B]; the bucket table (`Table`); the points to decode; and the
best-first lists of all n points (`BestList`), which it completes for those points.
"""

from __future__ import annotations

import numba
import numpy as np

from mach_tf.decoding.best_list import BestList, copies, insert, merge
from mach_tf.decoding.scoring import WEIGHTED, mean_score, median_score, min_score
from mach_tf.decoding.utility import utility_of
from mach_tf.estimators import MEAN, MIN
from mach_tf.kernels import jit


@jit()
def scan_range(scores, table, kind, first, last, best):
    """Adds the labels first:last to the list of one point, whose scores are [R, B]."""
    by_label, offsets, line = table.by_label, table.offsets, table.line
    scratch = np.empty(by_label.shape[1], np.float32)
    worst = best.values[-1]
    # One loop per estimator: choosing inside one takes twice the time. An unsigned index is not checked for being negative.
    if kind == MEAN:
        for label in range(np.uint64(first), np.uint64(last)):
            score = mean_score(scores, by_label, label)
            if score >= worst:
                worst = insert(best, np.int32(label), score)
    elif kind == WEIGHTED:
        for label in range(np.uint64(first), np.uint64(last)):
            score = utility_of(mean_score(scores, by_label, label), offsets[label], line, worst)
            if score >= worst:
                worst = insert(best, np.int32(label), score)
    elif kind == MIN:
        for label in range(np.uint64(first), np.uint64(last)):
            score = min_score(scores, by_label, label, worst)
            if score >= worst:
                worst = insert(best, np.int32(label), score)
    else:
        for label in range(np.uint64(first), np.uint64(last)):
            score = median_score(scores, by_label, label, worst, scratch)
            if score >= worst:
                worst = insert(best, np.int32(label), score)


def scan_plainly(scores, table, kind, points, chunks, best):
    """Scores every label of each point with one gather per repetition; parallel over points x `chunks` ranges of labels."""
    parts = copies(best, points, chunks)
    _scan_parts(scores, table, kind, points, parts)
    merge(parts, points, best)


@jit(parallel=True)
def _scan_parts(scores, table, kind, points, parts):
    for task in numba.prange(len(points) * len(parts.labels)):
        _scan_part(task, scores, table, kind, points, parts)


@jit()
def _scan_part(task, scores, table, kind, points, parts):
    n_labels, chunks = len(table.by_label), len(parts.labels)
    i, chunk = task // chunks, task % chunks
    first, last = n_labels * chunk // chunks, n_labels * (chunk + 1) // chunks
    scan_range(scores[points[i]], table, kind, first, last, BestList(parts.labels[chunk, i], parts.values[chunk, i]))
