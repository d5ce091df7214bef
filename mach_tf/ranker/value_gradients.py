"""The gradient of weighted sums of products w_l . x for the features of points, compiled and parallel."""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse

from mach_tf import kernels
from mach_tf.kernels import jit

_TASKS_PER_THREAD = 4


def value_gradients(
    by_column: scipy.sparse.csr_matrix, slopes: scipy.sparse.csr_matrix, row_splits: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Returns the sum over labels of slopes[i, l] w_l for the features of each point i, float32 [nonzeros].

    Args:
      by_column: float32 CSR [D, K], the vectors w_l by column.
      slopes: CSR [n, K].
      row_splits: int [n + 1].
      columns: int [nonzeros]; point i has the features columns[row_splits[i]:row_splits[i + 1]].
    """
    points, labels = slopes.shape
    found = np.zeros(len(columns), np.float32)
    tasks = kernels.tasks(points, _TASKS_PER_THREAD)
    matrices = (
        by_column.indptr,
        by_column.indices,
        by_column.data,
        slopes.indptr,
        slopes.indices,
        slopes.data.astype(np.float32, copy=False),
    )
    _fill(*matrices, row_splits, columns, labels, tasks, found)
    return found


@jit(parallel=True)
def _fill(
    column_splits, column_ids, weights, slope_splits, slope_ids, slopes, row_splits, columns, labels, tasks, found
):
    points = len(row_splits) - 1
    for task in numba.prange(tasks):
        scratch = np.zeros(labels, np.float32)
        for i in range(points * task // tasks, points * (task + 1) // tasks):
            begin, end = slope_splits[i], slope_splits[i + 1]
            if begin == end:
                continue
            for e in range(begin, end):
                scratch[slope_ids[e]] += slopes[e]
            for j in range(row_splits[i], row_splits[i + 1]):
                total = 0.0
                for m in range(column_splits[columns[j]], column_splits[columns[j] + 1]):
                    total += scratch[column_ids[m]] * weights[m]
                found[j] = total
            for e in range(begin, end):
                scratch[slope_ids[e]] = 0.0
