"""Changed points as differences from the points they come from: a few features and a scale.

A word that is dropped, swapped or added changes few features of a point x. If points have unit length, the others are only scaled: the
changed point is x' = s (x + d) with a sparse d, so that x' W1 = s (x W1 + d W1) takes as many rows of W1 as d has entries, not as many as x'.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from mach_tf.kernels import jit
from mach_tf.points import Points

# A value within this share of the scaled one counts as unchanged: float32 values differ in their last digits.
_SAME = 1e-5


class Candidates(NamedTuple):
    """C changed points s (x + d).

    Attributes:
      state: int64 [C], the point x that each comes from, ascending.
      scale: float32 [C], s.
      splits: int64 [C + 1]; candidate c has the entries splits[c]:splits[c + 1] of the next two.
      ids: int64 [entries], the features of d.
      amounts: float32 [entries], their values.
    """

    state: np.ndarray
    scale: np.ndarray
    splits: np.ndarray
    ids: np.ndarray
    amounts: np.ndarray

    def __len__(self) -> int:
        return len(self.state)


def differences(before: Points, after: Points, state: np.ndarray) -> Candidates:
    """Returns changed points as candidates.

    Args:
      before: the points that were changed.
      after: C changed points.
      state: int64 [C], the row of `before` that each comes from.
    """
    room = np.diff(before.row_splits)[state] + np.diff(after.row_splits)
    starts = np.concatenate([[0], np.cumsum(room)]).astype(np.int64)
    ids, amounts = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.float32)
    scale, counts = np.ones(len(state), np.float32), np.zeros(len(state), np.int64)
    old = before.row_splits, before.feature_ids, before.feature_values
    new = after.row_splits, after.feature_ids, after.feature_values
    _compare(*old, *new, state, starts, ids, amounts, scale, counts)
    splits = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    entries = np.arange(splits[-1]) + np.repeat(starts[:-1] - splits[:-1], counts)
    return Candidates(state, scale, splits, ids[entries], amounts[entries])


@jit(parallel=True)
def _compare(
    old_splits, old_ids, old_values, new_splits, new_ids, new_values, state, starts, ids, amounts, scale, counts
):
    for c in numba.prange(len(state)):
        old, old_end = old_splits[state[c]], old_splits[state[c] + 1]
        new, new_end = new_splits[c], new_splits[c + 1]
        ratios = np.empty(min(old_end - old, new_end - new), np.float32)
        common = 0
        i, j = old, new
        while i < old_end and j < new_end:
            if old_ids[i] == new_ids[j]:
                ratios[common] = new_values[j] / old_values[i]
                common += 1
                i += 1
                j += 1
            elif old_ids[i] < new_ids[j]:
                i += 1
            else:
                j += 1
        # Most features are only scaled.
        factor = np.sort(ratios[:common])[common // 2] if common else np.float32(1)
        if not (factor > 0 and np.isfinite(factor)):
            factor = np.float32(1)
        scale[c] = factor
        at, i, j = starts[c], old, new
        while i < old_end or j < new_end:
            if j == new_end or (i < old_end and old_ids[i] < new_ids[j]):
                feature, amount = old_ids[i], -old_values[i]
                i += 1
            elif i == old_end or old_ids[i] > new_ids[j]:
                feature, amount = new_ids[j], new_values[j] / factor
                j += 1
            else:
                feature, amount = old_ids[i], new_values[j] / factor - old_values[i]
                if abs(amount) <= _SAME * abs(old_values[i]):
                    amount = np.float32(0)
                i += 1
                j += 1
            if amount != 0:
                ids[at], amounts[at] = feature, amount
                at += 1
        counts[c] = at - starts[c]
