"""Which features of a whole vocabulary are worth adding to a point: those with the steepest gradient."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mach_tf.attacks.word_states import Gradient, States

# Features that are tried for each point.
TRIED_ADDITIONS = 64
# Slopes that are in memory at a time.
_BLOCK_FLOATS = 1 << 24


def best_additions(
    states: States, gradient: Gradient, columns: int, weights: Optional[np.ndarray] = None
) -> np.ndarray:
    """Returns the absent features that raise the objective most to first order, ascending, int64 [S, tried].

    Args:
      states: S points.
      gradient: returns the gradient of the objective for every feature.
      columns: D.
      weights: float32 [D], what one more word adds, up to a factor of the point; 0 for features that cannot be added. None for 1.
    """
    count = min(TRIED_ADDITIONS, columns)
    block = max(1, _BLOCK_FLOATS // columns)
    parts = [np.zeros((0, count), np.int64)]
    for begin in range(0, len(states.points), block):
        some = states.take(np.arange(begin, min(begin + block, len(states.points))))
        slopes = gradient(some)
        if weights is not None:
            slopes = np.where(weights > 0, slopes * weights, -np.inf)
        slopes[some.points.rows(), some.points.feature_ids] = -np.inf
        parts.append(np.sort(np.argpartition(-slopes, count - 1, axis=1)[:, :count], axis=1))
    return np.concatenate(parts)
