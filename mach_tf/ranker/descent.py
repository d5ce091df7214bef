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
# Of a label's largest weight, what taking points off the weights may leave: some thousand roundings of float64.
_ROUNDING = 1e-12
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
    return _solve(features, signs, penalty, most_weights, passes, tolerance, np.empty(0, np.bool_), 0)[0]


def fit_both(
    features: scipy.sparse.csr_matrix,
    signs: scipy.sparse.csc_matrix,
    penalty: float,
    most_weights: int,
    held_out: np.ndarray,
    passes: int = 5,
    tolerance: float = 0.1,
    more_passes: int = 3,
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """Fits a classifier to each label, and one without some points, for little more time than the first alone.

    The second begins with the dual variables of the first, without those of the points held out, and is near its optimum already.

    Args:
      features, signs, penalty, most_weights, passes, tolerance: as for `fit`.
      held_out: bool [n], the points that the second one must not know.
      more_passes: the most passes of the second one.

    Returns:
      Two float32 CSR [K, D], the first as `fit` returns it.
    """
    whole, without = _solve(features, signs, penalty, most_weights, passes, tolerance, held_out, more_passes)
    return whole, without


def _solve(
    features: scipy.sparse.csr_matrix,
    signs: scipy.sparse.csc_matrix,
    penalty: float,
    most_weights: int,
    passes: int,
    tolerance: float,
    held_out: np.ndarray,
    more_passes: int,
) -> list[scipy.sparse.csr_matrix]:
    """Returns what `fit_both` returns, or without points held out the first alone."""
    arrays = features.indptr, features.indices, features.data.astype(np.float32, copy=False)
    results = 2 if len(held_out) else 1
    parts: list[list[scipy.sparse.csr_matrix]] = [[] for _ in range(results)]
    for begin in range(0, signs.shape[1], _LABELS):
        some = signs[:, begin : begin + _LABELS]
        shape = some.shape[1], results, most_weights
        counts, kept, weights = np.zeros(shape[:2], np.int64), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        tasks = kernels.tasks(shape[0], _TASKS_PER_THREAD)
        options = penalty, passes, tolerance, more_passes
        _fit(
            *arrays,
            some.indptr,
            some.indices,
            some.data,
            held_out,
            features.shape[1],
            options,
            tasks,
            counts,
            kept,
            weights,
        )
        for result, found in enumerate(parts):
            found.append(_compressed(counts[:, result], kept[:, result], weights[:, result], features.shape[1]))
    return [scipy.sparse.vstack(found, "csr") for found in parts]


def _compressed(counts: np.ndarray, kept: np.ndarray, weights: np.ndarray, columns: int) -> scipy.sparse.csr_matrix:
    present = np.arange(kept.shape[1]) < counts[:, None]
    splits = np.concatenate([[0], np.cumsum(counts)])
    found = scipy.sparse.csr_matrix((weights[present], kept[present], splits), (len(counts), columns))
    found.sort_indices()
    return found


@jit(parallel=True)
def _fit(splits, ids, values, label_splits, rows, signs, held_out, columns, options, tasks, counts, kept, weights):
    penalty, passes, tolerance, more_passes = options
    labels = len(counts)
    for task in numba.prange(tasks):
        scratch, seen = np.zeros(columns), np.zeros(columns, np.bool_)
        # Labels in turn: neighbours by number are often as frequent as each other.
        for label in range(task, labels, tasks):
            part = slice(label_splits[label], label_splits[label + 1])
            own, own_signs, duals = rows[part], signs[part], np.zeros(label_splits[label + 1] - label_splits[label])
            _descend(splits, ids, values, own, own_signs, penalty, passes, tolerance, duals, scratch)
            touched = _touched(splits, ids, own, seen)
            counts[label, 0] = _keep(touched, scratch, 0.0, kept[label, 0], weights[label, 0])
            if len(held_out):
                rest = _leave_out(splits, ids, values, own, own_signs, held_out, duals, scratch)
                rest_duals = duals[rest]
                _descend(
                    splits,
                    ids,
                    values,
                    own[rest],
                    own_signs[rest],
                    penalty,
                    more_passes,
                    tolerance,
                    rest_duals,
                    scratch,
                )
                # Rounding leaves something in columns of points held out alone.
                rounding = _ROUNDING * np.abs(weights[label, 0]).max()
                counts[label, 1] = _keep(touched, scratch, rounding, kept[label, 1], weights[label, 1])
            for column in touched:
                scratch[column] = 0.0


@jit()
def _descend(splits, ids, values, rows, signs, penalty, passes, tolerance, duals, weights):
    """Changes the dual variables of a label's points, float64 [n], and its weights with them, float64 [D]."""
    n = len(rows)
    diagonal, order = np.empty(n), np.arange(n)
    slack = 0.5 / penalty
    for i in range(n):
        diagonal[i] = slack
        for j in range(splits[rows[i]], splits[rows[i] + 1]):
            diagonal[i] += np.float64(values[j]) * values[j]
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
            product = _product(weights, ids[begin:end], values[begin:end])
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
def _product(weights, ids, values):
    """Returns the product of a point with weights in four sums, whose additions need not wait for each other."""
    first = second = third = fourth = 0.0
    whole = len(ids) // 4 * 4
    for j in range(0, whole, 4):
        first += weights[ids[j]] * values[j]
        second += weights[ids[j + 1]] * values[j + 1]
        third += weights[ids[j + 2]] * values[j + 2]
        fourth += weights[ids[j + 3]] * values[j + 3]
    for j in range(whole, len(ids)):
        first += weights[ids[j]] * values[j]
    return (first + second) + (third + fourth)


@jit()
def _leave_out(splits, ids, values, rows, signs, held_out, duals, weights):
    """Takes the points held out off the weights of one label; returns the positions of the others among its points."""
    rest, count = np.empty(len(rows), np.int64), 0
    for i in range(len(rows)):
        if held_out[rows[i]]:
            for j in range(splits[rows[i]], splits[rows[i] + 1]):
                weights[ids[j]] -= signs[i] * duals[i] * values[j]
        else:
            rest[count] = i
            count += 1
    return rest[:count]


@jit()
def _touched(splits, ids, rows, seen):
    """Returns the columns of some points, each once, int32; `seen`, bool [D], is False before and after."""
    touched, count = np.empty(_entries(splits, rows), np.int32), 0
    for row in rows:
        for j in range(splits[row], splits[row + 1]):
            if not seen[ids[j]]:
                seen[ids[j]] = True
                touched[count] = ids[j]
                count += 1
    for column in touched[:count]:
        seen[column] = False
    return touched[:count]


@jit()
def _keep(touched, scratch, rounding, kept, weights):
    """Copies the largest weights of one label that are larger than `rounding`; returns their number."""
    found, chosen, number = scratch[touched], np.empty(len(touched), np.bool_), 0
    mark_largest(np.abs(found), len(kept), chosen)
    for place in range(len(touched)):
        if chosen[place] and abs(found[place]) > rounding:
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
