"""Linear classifiers of all labels by dual coordinate descent, compiled and parallel: one label after the other, exactly reproducible.

The classifier of a label minimises |w|^2 / 2 + C sum_i max(0, t_i - y_i w . x_i)^2 over its points, with y_i = 1 and t_i = 2 for points
that have the label, and y_i = -1 and t_i = 0 for the others. This is the L2-regularised squared hinge loss of linear support vector
machines with a bias that is fixed at -1: a point that shares no feature with a label's points scores 0, so that scores stay sparse, and
rare labels cannot win by their bias. Source of the method: Hsieh et al., "A Dual Coordinate Descent Method for Large-scale Linear SVM",
ICML 2008, algorithm 1.
"""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse

from mach_tf import kernels
from mach_tf.kernels import jit
from mach_tf.ranker.largest_entries import mark_largest

_TARGET = 2.0
# Labels that are trained together: their weights are held uncompressed.
_LABELS = 1 << 15
_TASKS_PER_THREAD = 16


def fit(
    features: scipy.sparse.csr_matrix,
    signs: scipy.sparse.csc_matrix,
    penalty: float,
    most_weights: int,
    passes: int = 5,
    tolerance: float = 0.1,
) -> scipy.sparse.csr_matrix:
    """Fits a classifier to each label.

    Args:
      features: CSR [n, D].
      signs: CSC [n, K]: 1 for a point that has the label, -1 for one that has it not and is to be told apart; no other points count.
      penalty: C, above 0: what an error costs. A small one suits noisy labels.
      most_weights: the number of weights to keep of each label, those of largest magnitude.
      passes: the most passes over the points of a label.
      tolerance: the largest violation of the optimality conditions that ends them before.

    Returns:
      float32 CSR [K, D].
    """
    arrays = features.indptr, features.indices, features.data.astype(np.float64)
    parts = []
    for begin in range(0, signs.shape[1], _LABELS):
        some = signs[:, begin : begin + _LABELS]
        labels = some.shape[1]
        counts = np.zeros(labels, np.int64)
        kept, weights = np.zeros((labels, most_weights), np.int32), np.zeros((labels, most_weights), np.float32)
        tasks = kernels.tasks(labels, _TASKS_PER_THREAD)
        options = penalty, passes, tolerance
        _fit(*arrays, some.indptr, some.indices, some.data, features.shape[1], options, tasks, counts, kept, weights)
        present = np.arange(most_weights) < counts[:, None]
        splits = np.concatenate([[0], np.cumsum(counts)])
        found = scipy.sparse.csr_matrix((weights[present], kept[present], splits), (labels, features.shape[1]))
        found.sort_indices()
        parts.append(found)
    return scipy.sparse.vstack(parts, "csr")


@jit(parallel=True)
def _fit(splits, ids, values, label_splits, rows, signs, columns, options, tasks, counts, kept, weights):
    labels = len(counts)
    for task in numba.prange(tasks):
        scratch, seen = np.zeros(columns), np.zeros(columns, np.bool_)
        # Labels in turn: neighbours by number are often as frequent as each other.
        for label in range(task, labels, tasks):
            part = slice(label_splits[label], label_splits[label + 1])
            _descend(splits, ids, values, rows[part], signs[part], options, scratch)
            counts[label] = _keep(splits, ids, rows[part], scratch, seen, kept[label], weights[label])


@jit()
def _descend(splits, ids, values, rows, signs, options, weights):
    """Fills the weights of one label, float64 [D], which are 0 before."""
    penalty, passes, tolerance = options
    n = len(rows)
    duals, diagonal, order = np.zeros(n), np.empty(n), np.arange(n)
    slack = 0.5 / penalty
    for i in range(n):
        diagonal[i] = slack
        for j in range(splits[rows[i]], splits[rows[i] + 1]):
            diagonal[i] += values[j] * values[j]
    state = np.uint64(n)
    for _ in range(passes):
        violation = 0.0
        for last in range(n - 1, -1, -1):
            # A random order, drawn while it is followed, by a linear congruential generator.
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            chosen = np.int64((state >> np.uint64(33)) % np.uint64(last + 1))
            i = order[chosen]
            order[chosen], order[last] = order[last], i
            begin, end = splits[rows[i]], splits[rows[i] + 1]
            product = 0.0
            for j in range(begin, end):
                product += weights[ids[j]] * values[j]
            target = _TARGET if signs[i] > 0 else 0.0
            gradient = signs[i] * product - target + slack * duals[i]
            if duals[i] == 0.0 and gradient > 0.0:
                continue
            violation = max(violation, abs(gradient))
            moved = max(duals[i] - gradient / diagonal[i], 0.0)
            step = signs[i] * (moved - duals[i])
            duals[i] = moved
            for j in range(begin, end):
                weights[ids[j]] += step * values[j]
        if violation < tolerance:
            break


@jit()
def _keep(splits, ids, rows, scratch, seen, kept, weights):
    """Moves the largest weights of one label out of `scratch`, which is 0 afterwards; returns their number."""
    touched = np.empty(_entries(splits, rows), np.int32)
    count = 0
    for row in rows:
        for j in range(splits[row], splits[row + 1]):
            if not seen[ids[j]]:
                seen[ids[j]] = True
                touched[count] = ids[j]
                count += 1
    touched = touched[:count]
    found, chosen, number = scratch[touched], np.empty(count, np.bool_), 0
    mark_largest(np.abs(found), len(kept), chosen)
    for place in range(count):
        scratch[touched[place]] = 0.0
        seen[touched[place]] = False
        if chosen[place] and found[place] != 0.0:
            kept[number] = touched[place]
            weights[number] = found[place]
            number += 1
    return number


@jit()
def _entries(splits, rows):
    total = 0
    for row in rows:
        total += splits[row + 1] - splits[row]
    return total
