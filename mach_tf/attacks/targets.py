"""Targeted attacks: which label should leave or enter the top k, and the gradient of the margin that decides it.

A label t is in the top k if its score exceeds that of its rival, the k-th best among all other labels. To push t out, the
attack increases the rival's score minus t's; to push it in, the reverse. The rival is determined again at every step.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.attacks.label_loss import attacked
from mach_tf.attacks.random_draws import draws
from mach_tf.errors import InputError
from mach_tf.metrics.ranking_metrics import hits

NO_TARGET = -1
# The first suitable draw is used; that none is suitable is all but impossible unless there are few labels.
_DRAWS = 16


def targets_to_push_out(top_labels: np.ndarray, labels: scipy.sparse.csr_matrix) -> np.ndarray:
    """Returns each point's best-ranked true label in its top k; NO_TARGET where there is none.

    Args:
      top_labels: int [n, k], the top labels of the clean points.
      labels: [n, K] canonical CSR.

    Returns:
      int64 [n].
    """
    hit = hits(top_labels, labels)
    best = np.take_along_axis(top_labels, hit.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(hit.any(axis=1), best, NO_TARGET).astype(np.int64)


def targets_to_push_in(
    top_labels: np.ndarray,
    labels: scipy.sparse.csr_matrix,
    label: Optional[int] = None,
    seed: int = 0,
    first_point: int = 0,
) -> np.ndarray:
    """Returns for each point one label that is neither true nor in its top k; NO_TARGET where there is none.

    Args:
      top_labels: int [n, k], the top labels of the clean points.
      labels: [n, K] canonical CSR.
      label: the same label for every point; None draws one per point, uniformly from all labels.
      seed: seed of the draws.
      first_point: number of points in the parts before this one, if points are attacked part by part: each point's draws are
        its own.

    Returns:
      int64 [n].

    Raises:
      InputError: a label that does not exist.
    """
    points, count = labels.shape
    if label is not None:
        if not 0 <= label < count:
            raise InputError(f"label must be in [0, {count}) (got {label}).")
        candidates = np.full((points, 1), label, np.int64)
    else:
        candidates = (draws(seed, _DRAWS * first_point, (points, _DRAWS)) * count).astype(np.int64)
    taken = hits(candidates, labels) | (candidates[:, :, None] == top_labels[:, None, :]).any(axis=2)
    chosen = np.take_along_axis(candidates, taken.argmin(axis=1)[:, None], axis=1)[:, 0]
    return np.where(taken.all(axis=1), NO_TARGET, chosen)


def rivals(decoder: Any, logits: np.ndarray, targets: np.ndarray, k: int, estimator: str) -> np.ndarray:
    """Returns the k-th best label of each point among all but its target, int64 [n]; any label where there is no target.

    Args:
      decoder: the network's decoder.
      logits: float32 [n, R, B].
      targets: int [n].
      k: in [1, K - 1].
      estimator: which estimator makes the label scores.
    """
    top_labels = decoder.top_k(estimators.bucket_scores(logits, estimator), k + 1, estimator)[0]
    own = top_labels == targets[:, None]
    # The target's rank decides whether the k-th other label is at rank k or k + 1.
    return np.where(own[:, :k].any(axis=1), top_labels[:, k], top_labels[:, k - 1]).astype(np.int64)


def margin_gradient(
    logits: np.ndarray, table: np.ndarray, up: np.ndarray, down: np.ndarray, estimator: str
) -> np.ndarray:
    """Returns the gradient, for the bucket logits, of one label's score minus another's.

    Args:
      logits: float32 [n, R, B].
      table: int32 [R, K].
      up, down: int [n], the labels; where either is NO_TARGET the gradient is 0.
      estimator: which estimator makes the scores; see label_loss.attacked.

    Returns:
      float32 [n, R, B].
    """
    slope = np.ones_like(logits)
    if not attacked(estimator).takes_logits:
        probabilities = estimators.sigmoid(logits)
        slope = probabilities * (1 - probabilities)
    gradient = np.zeros_like(logits)
    valid = np.flatnonzero((up != NO_TARGET) & (down != NO_TARGET))[:, None]
    repetitions = np.arange(len(table))
    for labels, sign in ((up, 1), (down, -1)):
        # A label has one bucket per repetition, so no index occurs twice in one assignment.
        index = (valid, repetitions, table.T[labels[valid[:, 0]]])
        gradient[index] += np.float32(sign / len(table)) * slope[index]
    return gradient
