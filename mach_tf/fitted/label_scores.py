"""Label scores of an opened model beyond the top k: of all labels, or of those above a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.fitted.sketch_model import SketchModel

# Bucket scores gathered at a time: points x labels x repetitions.
_BLOCK_SCORES = 1 << 22
# Labels looked at for each point at first; a point where all of them are above the threshold is looked at again.
_FIRST_LABELS = 16
# Beyond this many, all labels are scored: the decoder's best-first lists cost time in proportion to their length.
_MOST_LABELS = 1024


def all_scores(model: SketchModel, features: Any, estimator: str) -> np.ndarray:
    """Returns the scores of all labels, float32 [n, K], as the decoder ranks them.

    Args:
      model: the model.
      features: n points, the model's input.
      estimator: one of estimators.ESTIMATORS.
    """
    scores = np.empty((n_points(features), model.labels), np.float32)
    for rows, bucket_scores in _bucket_scores(model, features, estimator):
        for part, block in _score_blocks(model.bucket_table, bucket_scores, estimator):
            scores[rows.start + part.start : rows.start + part.stop] = block
    return scores


def labels_above(model: SketchModel, features: Any, estimator: str, threshold: float) -> scipy.sparse.csr_matrix:
    """Returns the labels whose probability is at least a threshold, bool CSR [n, K], ascending in each row.

    Args:
      model: the model.
      features: n points, the model's input.
      estimator: one of estimators.ESTIMATORS.
      threshold: in [0, 1]; 0 gives all labels.
    """
    found: list[np.ndarray] = []
    decoder, buckets = model.decoder, model.sketch_shape[1]
    for rows, scores in _bucket_scores(model, features, estimator):
        found += [np.empty(0, np.int32)] * len(rows)
        pending, k = np.arange(len(rows)), min(_FIRST_LABELS, model.labels)
        while len(pending):
            if k > _MOST_LABELS:
                for part, block in _score_blocks(model.bucket_table, scores[pending], estimator):
                    above = estimators.probabilities(block, estimator, buckets) >= threshold
                    for row, chosen in zip(pending[part.start : part.stop], above):
                        found[rows.start + row] = np.flatnonzero(chosen).astype(np.int32)
                break
            best = decoder.top_k(scores[pending], k, estimator)
            above = estimators.probabilities(best.scores, estimator, buckets) >= threshold
            for row, labels, chosen in zip(pending, best.labels, above):
                found[rows.start + row] = np.sort(labels[chosen])
            # Scores fall from left to right, so only where the last one is above can there be more.
            pending = pending[above[:, -1]] if k < model.labels else pending[:0]
            k = min(4 * k, model.labels)
    splits = np.concatenate([[0], np.cumsum([len(labels) for labels in found])])
    ids = np.concatenate([np.empty(0, np.int32), *found])
    return scipy.sparse.csr_matrix((np.ones(len(ids), np.bool_), ids, splits), shape=(len(found), model.labels))


def log_probabilities(scores: np.ndarray, estimator: str, buckets: int) -> np.ndarray:
    """Returns the logarithms of the labels' probabilities, float64, to be normalised if each point has one class.

    Args:
      scores: label scores as the decoder has them, any shape.
      estimator: one of estimators.ESTIMATORS.
      buckets: B.
    """
    scores = np.asarray(scores, np.float64)
    if estimators.get(estimator).takes_logits:
        return -np.logaddexp(0, -scores)
    return np.log(np.maximum(estimators.probabilities(scores, estimator, buckets), np.finfo(np.float32).tiny))


def n_points(features: Any) -> int:
    """Returns the number of points of a model's input, an array, a matrix or a sequence."""
    return int(features.shape[0]) if hasattr(features, "shape") else len(features)


def _score_blocks(table: np.ndarray, bucket_scores: np.ndarray, estimator: str) -> Iterator[tuple[range, np.ndarray]]:
    """Yields the scores of all labels, float32 [points, K], for consecutive points of bucket scores [n, R, B]."""
    step = max(1, _BLOCK_SCORES // table.size)
    for begin in range(0, len(bucket_scores), step):
        block = bucket_scores[begin : begin + step]
        gathered = np.stack([block[:, repetition, row] for repetition, row in enumerate(table)], axis=-1)
        yield range(begin, begin + len(block)), estimators.combine(gathered, estimator)


def _bucket_scores(model: SketchModel, features: Any, estimator: str) -> Iterator[tuple[range, np.ndarray]]:
    for rows, logits in model.sketches(features):
        yield rows, estimators.bucket_scores(logits, estimator)
