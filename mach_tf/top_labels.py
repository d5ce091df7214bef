"""The best labels of points as users get them: ids and scores, as arrays or as a sparse matrix."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
import scipy.sparse

from mach_tf import arguments, estimators
from mach_tf.choices import SCORES
from mach_tf.logit_scale import AS_THEY_ARE, LogitScale

PROBABILITY = SCORES[0]
DEFAULT_K = 5

# Nothing is stored as 0, which a sparse matrix reads as absent. Below it are 8 million smaller numbers, to tell apart by rank.
_SMALLEST = np.finfo(np.float32).tiny


class TopLabels(NamedTuple):
    """The k best labels of n points, best first.

    Attributes:
      labels: int32 [n, k], label ids; -1 at the end of a row where a point has fewer than k labels, as with a least probability.
      scores: float32 [n, k], on one of the scales of choices.SCORES; the lowest of the scale, 0 or -inf, where the label is -1.
    """

    labels: np.ndarray
    scores: np.ndarray

    def matrix(self, labels: int) -> scipy.sparse.csr_matrix:
        """Returns the scores as float32 CSR [n, labels], stored best first in each row."""
        present = self.labels >= 0
        row_splits = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
        shape = (len(self.labels), labels)
        return scipy.sparse.csr_matrix((self.scores[present], self.labels[present], row_splits), shape=shape)


def top_labels(
    labels: np.ndarray,
    scores: np.ndarray,
    estimator: str,
    buckets: int,
    scale: str,
    min_probability: Optional[float] = None,
    logit_scale: LogitScale = AS_THEY_ARE,
) -> TopLabels:
    """Returns decoded labels with their scores on a scale for users.

    Args:
      labels: int32 [n, k], best first.
      scores: float32 [n, k], their label scores as the decoder has them.
      estimator: one of estimators.ESTIMATORS.
      buckets: B.
      scale: "probability" for `estimators.probabilities`, which are positive and fall wherever the label scores do, so that a
        dense copy ranks as the rows do; "logit" for `estimators.reported`.
      min_probability: leaves out labels with a lower probability, whatever the scale; None leaves out none.
      logit_scale: as of `estimators.probabilities`.

    Raises:
      InputError: an unknown scale, or a probability outside [0, 1].
    """
    check_scale(scale)
    check_probability(min_probability)
    found = probabilities = _strictly_falling(estimators.probabilities(scores, estimator, buckets, logit_scale), scores)
    if scale != PROBABILITY:
        found = estimators.reported(scores, estimator, buckets)
    if min_probability is None:
        return TopLabels(labels, found)
    kept = probabilities.astype(np.float64) >= min_probability
    lowest = np.float32(0 if scale == PROBABILITY else -np.inf)
    # Probabilities need not fall along a row, if its labels are ranked for another metric than precision.
    order = np.argsort(~kept, axis=1, kind="stable")
    rows = (np.where(kept, labels, np.int32(-1)), np.where(kept, found, lowest))
    return TopLabels(*(np.take_along_axis(values, order, axis=1) for values in rows))


def default_k(labels: int) -> int:
    """Returns how many of K labels are predicted per point unless the user says: 5, or all if there are fewer."""
    return min(DEFAULT_K, labels)


def check_probability(min_probability: Optional[float]) -> None:
    """Raises InputError unless `min_probability` is None or in [0, 1]."""
    if min_probability is not None:
        arguments.finite_number(min_probability, "min_probability", 0, 1)


def check_scale(scale: str) -> None:
    """Raises InputError unless `scale` is one of choices.SCORES."""
    arguments.choice(scale, "scores", SCORES)


def _strictly_falling(probabilities: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns probabilities as float32, moved apart by one step each where rounding made them equal but the scores fall."""
    rounded = np.maximum(probabilities, _SMALLEST).astype(np.float32)
    for column in range(1, rounded.shape[1]):
        before = rounded[:, column - 1]
        falls, rises = scores[:, column] < scores[:, column - 1], scores[:, column] > scores[:, column - 1]
        limit = np.where(falls, np.nextafter(before, np.float32(0)), np.where(rises, np.float32(1), before))
        rounded[:, column] = np.minimum(rounded[:, column], limit)
    return rounded
