"""The vectors with the largest products with each point, compiled and parallel."""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse

from mach_tf import kernels
from mach_tf.decoding.best_list import BestList, insert
from mach_tf.kernels import jit

_TASKS_PER_THREAD = 4


def best_products(features: scipy.sparse.csr_matrix, by_column: scipy.sparse.csr_matrix, k: int) -> BestList:
    """Returns for each point the vectors with its k largest positive products, best first; ties go to the smaller number.

    Args:
      features: CSR [n, D].
      by_column: CSR [D, K]: the K vectors, by column.
      k: at least 1.

    Returns:
      Lists of min(k, K) places, with NO_LABEL where fewer products are positive.
    """
    points, vectors = features.shape[0], by_column.shape[1]
    best = BestList.empty(points, min(k, vectors))
    tasks = kernels.tasks(points, _TASKS_PER_THREAD)
    arrays = [(m.indptr, m.indices, m.data.astype(np.float32, copy=False)) for m in (features, by_column)]
    _fill(*arrays[0], *arrays[1], vectors, tasks, best)
    return best


@jit(parallel=True)
def _fill(splits, ids, values, column_splits, column_ids, column_values, vectors, tasks, best):
    points = len(splits) - 1
    for task in numba.prange(tasks):
        products, seen = np.zeros(vectors, np.float32), np.zeros(vectors, np.bool_)
        touched = np.empty(vectors + 1, np.int32)
        for i in range(points * task // tasks, points * (task + 1) // tasks):
            count = 0
            for j in range(splits[i], splits[i + 1]):
                for m in range(column_splits[ids[j]], column_splits[ids[j] + 1]):
                    vector = column_ids[m]
                    # No branch, which processors mispredict: a third less time.
                    touched[count] = vector
                    count += not seen[vector]
                    seen[vector] = True
                    products[vector] += values[j] * column_values[m]
            row = BestList(best.labels[i], best.values[i])
            worst = np.float32(0)
            for c in range(count):
                vector = touched[c]
                if products[vector] > 0 and products[vector] >= worst:
                    worst = insert(row, vector, products[vector])
                products[vector] = 0
                seen[vector] = False
