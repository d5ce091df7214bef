"""Label scores of an opened model beyond the top k: of all labels, or of those above a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.decoding import added_scores
from mach_tf.decoding.best_labels import best_labels
from mach_tf.decoding.decode import Decoded
from mach_tf.fitted.sketch_model import SketchModel
from mach_tf.logit_scale import AS_THEY_ARE, LogitScale

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
    for chunk in _chunks(model, features, estimator):
        for part, block in chunk.score_blocks(np.arange(len(chunk.rows))):
            scores[chunk.rows.start + part.start : chunk.rows.start + part.stop] = block
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

    def is_above(scores: np.ndarray) -> np.ndarray:
        return estimators.probabilities(scores, estimator, model.sketch_shape[1], model.logit_scale) >= threshold

    for chunk in _chunks(model, features, estimator):
        found += [np.empty(0, np.int32)] * len(chunk.rows)
        pending, k = np.arange(len(chunk.rows)), min(_FIRST_LABELS, model.labels)
        while len(pending):
            if k > _MOST_LABELS:
                for part, block in chunk.score_blocks(pending):
                    for row, chosen in zip(pending[part.start : part.stop], is_above(block)):
                        found[chunk.rows.start + row] = np.flatnonzero(chosen).astype(np.int32)
                break
            best = chunk.best(pending, k)
            above = is_above(best.scores)
            for row, labels, chosen in zip(pending, best.labels, above):
                found[chunk.rows.start + row] = np.sort(labels[chosen])
            # Scores fall from left to right, so only where the last one is above can there be more.
            pending = pending[above[:, -1]] if k < model.labels else pending[:0]
            k = min(4 * k, model.labels)
    splits = np.concatenate([[0], np.cumsum([len(labels) for labels in found])])
    ids = np.concatenate([np.empty(0, np.int32), *found])
    return scipy.sparse.csr_matrix((np.ones(len(ids), np.bool_), ids, splits), shape=(len(found), model.labels))


def log_probabilities(
    scores: np.ndarray, estimator: str, buckets: int, logit_scale: LogitScale = AS_THEY_ARE
) -> np.ndarray:
    """Returns the logarithms of the labels' probabilities, float64, to be normalised if each point has one class.

    Args:
      scores: label scores as the decoder has them, any shape.
      estimator: one of estimators.ESTIMATORS.
      buckets: B.
      logit_scale: the line from means of logits to log-odds.
    """
    scores = np.asarray(scores, np.float64)
    if estimators.get(estimator).takes_logits:
        return -np.logaddexp(0, -logit_scale.log_odds(scores))
    return np.log(np.maximum(estimators.probabilities(scores, estimator, buckets), np.finfo(np.float32).tiny))


def n_points(features: Any) -> int:
    """Returns the number of points of a model's input, an array, a matrix or a sequence."""
    return int(features.shape[0]) if hasattr(features, "shape") else len(features)


class _Chunk(NamedTuple):
    """The bucket scores of consecutive points.

    Attributes:
      model, estimator: as of `all_scores`.
      rows: the points.
      scores: float32 [rows, R, B].
      features: the model's input for them, CSR [rows, D]; any value if nothing is added to label scores.
    """

    model: SketchModel
    estimator: str
    rows: range
    scores: np.ndarray
    features: Any

    def best(self, points: np.ndarray, k: int) -> Decoded:
        """Returns the k best labels of some of the points."""
        added = self.model.added_scores(self.estimator)
        features = self.features[points] if added else None
        return best_labels(self.model.decoder, self.scores[points], features, k, self.estimator, added)

    def score_blocks(self, points: np.ndarray) -> Iterator[tuple[range, np.ndarray]]:
        """Yields places in `points` that follow each other, and the scores of all labels for these points, float32 [places, K]."""
        table, added = self.model.bucket_table, self.model.added_scores(self.estimator)
        step = max(1, _BLOCK_SCORES // table.size)
        for begin in range(0, len(points), step):
            some = points[begin : begin + step]
            scores = self.scores[some]
            gathered = np.stack([scores[:, repetition, row] for repetition, row in enumerate(table)], axis=-1)
            block = estimators.combine(gathered, self.estimator)
            if added:
                for part, values in added_scores.parts(added, self.features[some]):
                    rows = np.repeat(np.arange(part.start, part.stop), np.diff(values.indptr))
                    block[rows, values.indices] += values.data
            yield range(begin, begin + len(some)), block


def _chunks(model: SketchModel, features: Any, estimator: str) -> Iterator[_Chunk]:
    added = model.added_scores(estimator)
    for rows, logits in model.sketches(features):
        part = features[rows.start : rows.stop] if added else None
        yield _Chunk(model, estimator, rows, estimators.bucket_scores(logits, estimator), part)
