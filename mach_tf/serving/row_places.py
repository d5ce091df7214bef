"""Which rows of W1 a servable keeps, and in which order: those of the largest norm first, the same in all repetitions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf


class RowPlaces(tf.Module):
    """The place of each hashed feature's row of W1 among the rows that are kept.

    One table serves all repetitions: 4 bytes per hashed feature. The norm of a feature's rows in all repetitions together orders
    them; it grows with the number of training points that have the feature.

    Attributes:
      kept: int64 [kept], the features whose rows are kept, by place.
      places: int32 [D], the place of each feature; `len(kept)` if its row is left out.
    """

    def __init__(self, norms: np.ndarray, prune: float):
        """Orders the features.

        Args:
          norms: float [D], the norm of each feature's rows in all repetitions together.
          prune: the fraction of the features to leave out, in [0, 1).
        """
        super().__init__()
        self.kept = np.argsort(-norms, kind="stable")[: len(norms) - int(prune * len(norms))]
        places = np.full(len(norms), len(self.kept), np.int32)
        places[self.kept] = np.arange(len(self.kept))
        self.places = tf.Variable(places, trainable=False)


def joint_norms(kernels: Iterable[np.ndarray]) -> np.ndarray:
    """Returns the norm of each feature's rows in all repetitions together, float64 [D], of each repetition's W1."""
    total = 0.0
    for kernel in kernels:
        total = total + np.einsum("ij,ij->i", kernel, kernel, dtype=np.float64)
    return np.sqrt(total)
