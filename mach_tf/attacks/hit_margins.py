"""How far a point is from losing one more true label from its top k: what the objective "precision" increases.

Let f_1 >= f_2 >= ... be the scores of a point's false labels and t_1 >= t_2 >= ... those of its true labels. At most h true labels are among
the top k exactly if k - h false labels are ahead of all true labels but h, that is if

    m_h = f_{k-h} - t_{h+1} > 0    (h = 0, ..., k - 1; m_h is infinite if there are at most h true labels).

Equal scores, which the decoder ranks by their labels, count as not ahead. m_h rises with h. An attack on P@k first increases the largest m_h
that is not positive until it is, which costs one true label, and then the next. Its worth is -(h + 1) + m_h / (1 + |m_h|) for that h, and m_0
if no true label is left: it rises with m_h and with each label that is lost. For k = 1 the only margin is that of the best false label over
the best true one.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf import estimators
from mach_tf.attacks.targets import NO_TARGET
from mach_tf.metrics.ranking_metrics import hits
from mach_tf.points import Points
from mach_tf.ranker.added_part import AddedPart


class NextLoss(NamedTuple):
    """The margin to increase next, of n points.

    Attributes:
      false, true: int64 [n], the labels whose scores it is the difference of; NO_TARGET where one of them is missing.
      worth: float64 [n], as of the module; 0 where a label is missing.
    """

    false: np.ndarray
    true: np.ndarray
    worth: np.ndarray


def next_loss(
    decoder: Any,
    logits: np.ndarray,
    table: np.ndarray,
    points: Points,
    k: int,
    estimator: str,
    added: Optional[AddedPart] = None,
) -> NextLoss:
    """Finds the largest margin that is not positive, or the smallest one if all are positive.

    Args:
      decoder: the network's decoder, or one that leaves labels out.
      logits: float32 [n, R, B].
      table: int32 [R, K].
      points: n points with labels.
      k: the cut-off, in [1, K - 1].
      estimator: which estimator makes the label scores.
      added: what is added to them, by the decoder too; None for nothing.
    """
    scores = estimators.bucket_scores(logits, estimator)
    true = ranked_true(scores, table, points, estimator, added)
    false = best_false(decoder, scores, points, k, table.shape[1], estimator)
    true = np.pad(true[:, :k], ((0, 0), (0, max(0, k - true.shape[1]))), constant_values=NO_TARGET)
    falling, rising = (_scores_of(labels, scores, table, estimator, added) for labels in (true, false[:, ::-1]))
    with np.errstate(invalid="ignore"):  # both labels missing
        margins = np.where(true == NO_TARGET, np.inf, rising - falling)
    ahead = margins > 0
    # m_h rises with h, so that the margins that are not positive come first.
    h = np.maximum((~ahead).sum(axis=1) - 1, 0)
    rows = np.arange(len(h))
    margin, up, down = margins[rows, h], false[rows, k - 1 - h], true[rows, h]
    missing = (up == NO_TARGET) | (down == NO_TARGET)
    margin = np.where(missing, 0.0, margin)
    worth = np.where(ahead[rows, h], margin, margin / (1 + np.abs(margin)) - (h + 1))
    return NextLoss(np.where(missing, NO_TARGET, up), np.where(missing, NO_TARGET, down), np.where(missing, 0.0, worth))


def best_false(decoder: Any, scores: np.ndarray, points: Points, k: int, labels: int, estimator: str) -> np.ndarray:
    """Returns the k best labels of each point that are not true, best first, int64 [n, k]; NO_TARGET for what is missing.

    Args:
      decoder: as of `next_loss`.
      scores: float32 [n, R, B], bucket scores.
      points: n points with labels.
      k: their number.
      labels: K.
      estimator: which estimator makes the label scores.
    """
    most = int(np.diff(points.label_splits).max(initial=0)) + k
    found = np.asarray(decoder.top_k(scores, min(most, labels), estimator)[0], np.int64)
    true = hits(found, points.labels(labels)) | (found == NO_TARGET)
    order = np.argsort(true, axis=1, kind="stable")
    ranked = np.where(np.take_along_axis(true, order, axis=1), NO_TARGET, np.take_along_axis(found, order, axis=1))
    return np.pad(ranked, ((0, 0), (0, max(0, k - ranked.shape[1]))), constant_values=NO_TARGET)[:, :k]


def ranked_true(
    scores: np.ndarray, table: np.ndarray, points: Points, estimator: str, added: Optional[AddedPart] = None
) -> np.ndarray:
    """Returns the true labels of each point, best first, int64 [n, most labels, at least 1]; NO_TARGET after the last.

    Arguments are those of `best_false` and `next_loss`. Ties go to the smaller label.
    """
    counts = np.diff(points.label_splits)
    labels = np.full((len(points), max(1, counts.max(initial=0))), NO_TARGET, np.int64)
    labels[np.arange(labels.shape[1]) < counts[:, None]] = points.label_ids
    order = np.argsort(-_scores_of(labels, scores, table, estimator, added), axis=1, kind="stable")
    return np.take_along_axis(labels, order, axis=1)


def _scores_of(
    labels: np.ndarray, scores: np.ndarray, table: np.ndarray, estimator: str, added: Optional[AddedPart]
) -> np.ndarray:
    """Returns the scores of labels [n, m], float64; minus infinity where a label is missing."""
    found = estimators.label_scores(scores, table, np.maximum(labels, 0), estimator)
    if added is not None:
        found += added.to(np.maximum(labels, 0))
    return np.where(labels == NO_TARGET, -np.inf, found.astype(np.float64))
