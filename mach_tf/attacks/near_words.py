"""Words that a model takes for nearly the same: features whose rows of W1 point in nearly the same direction.

Needs no other data and no download. What counts is the cosine of two features' rows of W1, side by side for all repetitions; as those are
long, it is the cosine of their projections to 128 random directions, which differs by less than 0.1. A feature that hardly occurred in training has a
row that is still random, and so nothing near it.
"""

from __future__ import annotations

from typing import Optional

import numpy as np

from mach_tf.network import Network

# Neighbours of a feature, and how near they must be.
NEIGHBOURS = 8
LEAST_COSINE = 0.5
_DIRECTIONS = 128
# Cosines that are in memory at a time.
_BLOCK_FLOATS = 1 << 24


class NearWords:
    """The neighbours of features, found when they are first asked for.

    Attributes:
      allowed: bool [D], which features may be neighbours.
    """

    def __init__(self, network: Network, allowed: Optional[np.ndarray] = None) -> None:
        """Projects the rows of W1.

        Args:
          network: the network.
          allowed: bool [D], which features may be neighbours; None for all.
        """
        columns = network.manifest.columns
        self.allowed = np.ones(columns, bool) if allowed is None else allowed
        random = np.random.default_rng(0)
        rows = np.zeros((columns, _DIRECTIONS), np.float32)
        for index in range(len(network.repetitions)):
            kernel = np.asarray(network.repetitions[index].weights.hidden_kernel)
            signs = random.choice(np.array([-1, 1], np.float32), (kernel.shape[1], _DIRECTIONS))
            rows += kernel @ signs
            del kernel  # before the next is loaded
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        self._rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        self._found = np.full((columns, NEIGHBOURS), -2, np.int64)

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Returns the neighbours of features, nearest first, int64 [n, NEIGHBOURS]; -1 where there are no more."""
        wanted = np.unique(ids)
        wanted = wanted[self._found[wanted, 0] == -2]
        block = max(1, _BLOCK_FLOATS // len(self._rows))
        for begin in range(0, len(wanted), block):
            some = wanted[begin : begin + block]
            cosines = self._rows[some] @ self._rows.T
            cosines[:, ~self.allowed] = -1
            cosines[np.arange(len(some)), some] = -1
            count = min(NEIGHBOURS, cosines.shape[1])
            best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
            near = np.take_along_axis(cosines, best, axis=1)
            order = np.lexsort((best, -near), axis=1)
            best, near = np.take_along_axis(best, order, axis=1), np.take_along_axis(near, order, axis=1)
            self._found[some] = -1
            self._found[some, :count] = np.where(near >= LEAST_COSINE, best, -1)
        return self._found[ids]
