"""The best labels of points as users get them: ids and scores, as arrays or as a sparse matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

from mach_tf import arguments, estimators
from mach_tf.choices import SCORES

PROBABILITY = SCORES[0]

# Nothing is stored as 0, which a sparse matrix reads as absent. Below it are 8 million smaller numbers, to tell apart by rank.
_SMALLEST = np.finfo(np.float32).tiny


class TopLabels(NamedTuple):
    """The k best labels of n points, best first.

    Attributes:
      labels: int32 [n, k], label ids.
      scores: float32 [n, k], on one of the scales of choices.SCORES.
    """

    labels: np.ndarray
    scores: np.ndarray

    def matrix(self, labels: int) -> scipy.sparse.csr_matrix:
        """Returns the scores as float32 CSR [n, labels], stored best first in each row."""
        points, k = self.labels.shape
        row_splits = np.arange(points + 1) * k
        return scipy.sparse.csr_matrix((self.scores.ravel(), self.labels.ravel(), row_splits), shape=(points, labels))


def top_labels(labels: np.ndarray, scores: np.ndarray, estimator: str, buckets: int, scale: str) -> TopLabels:
    """Returns decoded labels with their scores on a scale for users.

    Args:
      labels: int32 [n, k], best first.
      scores: float32 [n, k], their label scores as the decoder has them.
      estimator: one of estimators.ESTIMATORS.
      buckets: B.
      scale: "probability" for `estimators.probabilities`, which are positive and fall wherever the label scores do, so that a
        dense copy ranks as the rows do; "logit" for `estimators.reported`.

    Raises:
      InputError: an unknown scale.
    """
    check_scale(scale)
    if scale == PROBABILITY:
        return TopLabels(labels, _strictly_falling(estimators.probabilities(scores, estimator, buckets), scores))
    return TopLabels(labels, estimators.reported(scores, estimator, buckets))


def check_scale(scale: str) -> None:
    """Raises InputError unless `scale` is one of choices.SCORES."""
    arguments.choice(scale, "scores", SCORES)


def _strictly_falling(probabilities: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns probabilities as float32, moved apart by one step each where rounding made them equal but the scores differ."""
    rounded = np.maximum(probabilities, _SMALLEST).astype(np.float32)
    for column in range(1, rounded.shape[1]):
        before = rounded[:, column - 1]
        limit = np.where(scores[:, column] < scores[:, column - 1], np.nextafter(before, np.float32(0)), before)
        rounded[:, column] = np.minimum(rounded[:, column], limit)
    return rounded
