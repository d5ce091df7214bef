"""Expected gradients: Integrated Gradients from many baselines, averaged (Erion et al. 2021, equation 4).

The attribution of feature j is the mean over baselines x' of (x_j - x'_j) times the gradient averaged over the path from x' to x. With
training points as baselines it says how the point differs from them, feature by feature. The attributions add up to F(x) less the mean
of F(x'), and each path is integrated in closed form: only the choice of the baselines is random.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import scipy.sparse

from mach_tf.explanations.integrated_gradients.paths import (
    Pairs,
    PathIntegrals,
    Paths,
    between,
    entry_splits,
)

# Stands for a difference of 0 between the point and the mean of the baselines, which a value cannot be divided by.
_TINY = 1e-200


def integrate(
    one: Callable[[Paths], PathIntegrals],
    starts: scipy.sparse.csr_matrix,
    ends: scipy.sparse.csr_matrix,
    pairs: Pairs,
) -> tuple[Paths, PathIntegrals]:
    """Returns paths from the mean of the baselines, and the integrals that have expected gradients as attributions.

    Args:
      one: integrates the pairs along paths, exactly.
      starts: the baselines, CSR [m, D], m at least 1.
      ends: the n points, CSR [n, D].
      pairs: the labels to explain for each of the n points.
    """
    columns = ends.shape[1]
    paths = between(scipy.sparse.csr_matrix(starts.mean(axis=0)), ends)
    paths = paths._replace(difference=np.where(paths.difference == 0, _TINY, paths.difference))
    # A feature of the point is in every path, one of a baseline only in those from it.
    keys = _keys(paths, columns)
    splits = entry_splits(paths, pairs)
    shift = splits[:-1] - paths.row_splits[pairs.points()]
    values = np.zeros(splits[-1])
    scores, baseline_scores = np.zeros((2, len(pairs.labels)))
    for row in range(starts.shape[0]):
        path = between(starts[row], ends)
        integrals = one(path)
        places = np.searchsorted(keys, _keys(path, columns))
        entries = places[integrals.entries(path, pairs)] + np.repeat(shift, np.diff(integrals.splits))
        np.add.at(values, entries, integrals.attributions(path, pairs))
        scores, baseline_scores = integrals.scores, baseline_scores + integrals.baseline_scores
    count = starts.shape[0]
    found = PathIntegrals(splits, values / count, scores, baseline_scores / count)
    return paths, found._replace(gradients=found.gradients / paths.difference[found.entries(paths, pairs)])


def _keys(paths: Paths, columns: int) -> np.ndarray:
    """Returns a number for each entry, ascending, the same for the same feature of the same point, int64 [nonzeros]."""
    return paths.rows() * columns + paths.feature_ids
