"""Exact decoding with a second score: the best labels by s(l) + a(l), where a is known for few labels and never negative.

The candidates are the k best labels by s and all labels with a(l) > 0, each scored in full. No other label can be among the k best:
its sum is s(l), and each of the k best by s has at least that score and loses nothing; where the sums are equal, it has the
smaller id.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.decoding.decode import Decoded, Decoder
from mach_tf.errors import InputError

# Candidates whose bucket scores are gathered at a time.
_GATHERED = 1 << 18


def top_k(decoder: Decoder, scores: np.ndarray, added: scipy.sparse.csr_matrix, k: int, estimator: str) -> Decoded:
    """Finds the k best labels of each point by the sum of two scores, exactly; ties go to the smaller label.

    Args:
      decoder: the bucket table.
      scores: float32 [n, R, B], the bucket scores that the estimator combines; not NaN.
      added: CSR [n, K] of finite values, 0 or more, each label at most once in a row.
      k: in [1, K].
      estimator: one of estimators.ESTIMATORS.

    Returns:
      The labels with their sums, float32; `scored` counts the candidates too.

    Raises:
      InputError: the shapes do not fit, or a value is negative or not finite.
    """
    if added.shape != (len(scores), decoder.labels):
        raise InputError(f"added scores must be [{len(scores)}, {decoder.labels}] (got {list(added.shape)}).")
    values = added.data.astype(np.float32)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise InputError("Added scores must be 0 or more, and finite: a negative one could hide the best label.")
    best = decoder.top_k(scores, k, estimator)
    counts = np.diff(added.indptr)
    labels, sums = best.labels.copy(), best.scores.copy()
    begin = 0
    while begin < len(scores):
        # At least one point, and as many as there is room for.
        upto = int(np.searchsorted(added.indptr, added.indptr[begin] + _GATHERED, side="right")) - 1
        end = min(len(scores), max(begin + 1, upto))
        part = slice(added.indptr[begin], added.indptr[end])
        rows = np.repeat(np.arange(begin, end), counts[begin:end])
        found = np.array(added.indices[part], np.int64)
        scored = _scores(decoder, scores, rows, found, estimator) + values[part]
        labels[begin:end], sums[begin:end] = _best(best, begin, end, rows, found, scored, k)
        begin = end
    return Decoded(labels, sums, best.scored + counts, best.scanned)


def _scores(decoder: Decoder, scores: np.ndarray, rows: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
    repetitions = np.arange(len(decoder.table))
    return estimators.combine(scores[rows[:, None], repetitions, decoder.table.T[labels]], estimator)


def _best(
    best: Decoded, begin: int, end: int, rows: np.ndarray, labels: np.ndarray, sums: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k best of the decoded labels and of the labels with added scores, which take the place of the former."""
    n = end - begin
    all_rows = np.concatenate([rows, np.repeat(np.arange(begin, end), k)])
    all_labels = np.concatenate([labels, best.labels[begin:end].ravel()])
    all_sums = np.concatenate([sums, best.scores[begin:end].ravel()])
    # Of a label that occurs twice, the sum comes first, as it is not below the score.
    order = np.lexsort((all_labels, -all_sums, all_rows))
    all_rows, all_labels, all_sums = all_rows[order], all_labels[order], all_sums[order]
    pairs = all_rows * (int(all_labels.max(initial=0)) + 1) + all_labels
    _, first = np.unique(pairs, return_index=True)
    kept = np.sort(first)
    all_rows, all_labels, all_sums = all_rows[kept], all_labels[kept], all_sums[kept]
    starts = np.searchsorted(all_rows, np.arange(begin, end))
    places = starts[:, None] + np.arange(k)
    return all_labels[places].reshape(n, k).astype(np.int32), all_sums[places].reshape(n, k)
