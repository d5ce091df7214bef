"""One FGSM step against the label-space loss of an ensemble, as a TensorFlow graph.

The definitions are those of mach_tf.attacks: label_loss.py has the loss and its gradient for the bucket logits, fgsm.py the step. The
gradient of the loss for the feature values comes from all repetitions together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional

import tensorflow as tf

from mach_tf import estimators
from mach_tf.classifier import SparseBatch, point_of_entry
from mach_tf.fgsm import fgsm, value_gradients
from mach_tf.logit_scale import LogitScale
from mach_tf.serving import ranking
from mach_tf.serving.raw_features import HashedPoints
from mach_tf.serving.stored_ranker import StoredRanker
from mach_tf.serving.stored_weights import StoredWeights

# Scores are kept this far from 0 and 1, as in label_loss.py, so that logarithms stay finite.
_SMALLEST = 1e-12


# Bucket logits and feature values.
_Place = tuple[tf.Tensor, tf.Tensor]


class LabelLoss:
    """The mean binary cross-entropy of the labels of each of n points, as a function of their bucket logits and feature values."""

    def __init__(
        self,
        table: tf.Tensor,
        estimator: str,
        predicting: tf.Tensor,
        batch: SparseBatch,
        true_labels: tf.Tensor,
        ranker: Optional[StoredRanker] = None,
        logit_scale: Optional[LogitScale] = None,
    ):
        """Decides which labels are true.

        Args:
          table: int32 [R, K], the bucket table.
          estimator: "logit_mean" or "mean".
          predicting: float32 [R, n, B], the logits that predict true labels: those with a probability of at least one half, and the
            best one.
          batch: the n hashed points that predict them.
          true_labels: int64 [n, m], padded with -1: the true labels of points that have any; the others have those predicted.
          ranker: what is added to label scores; None for nothing.
          logit_scale: the line of the probabilities by which true labels are predicted; None for that without calibration, which the loss
            has in either case, so that calibration changes no attack on given labels.
        """
        self._rows = tf.unstack(table)
        self._estimator = estimator
        self._buckets = predicting.shape[2]
        self._predicting, self._true_labels = tf.transpose(predicting, [1, 0, 2]), true_labels
        self._batch, self._ranker = batch, ranker
        self._line = LogitScale.uncalibrated(ranker)
        self._logit_scale = logit_scale or self._line

    def losses(self, at: Optional[_Place] = None) -> tf.Tensor:
        """Returns the loss of each point, float64 [n].

        Args:
          at: bucket logits, float32 [R, n, B], and feature values, float32 [nonzeros]; None for those that predict.
        """
        return self._map(lambda point, truth: self._loss(point.scores, truth)[0], tf.float64, at)

    def losses_and_gradients(self, at: Optional[_Place] = None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the loss of each point, and its gradient.

        Args:
          at: as of `losses`.

        Returns:
          The losses, float64 [n], their gradient for the bucket logits, float32 [R, n, B], and that for the feature values through the
          ranker, float32 [nonzeros].
        """

        def of_point(point: _Point, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.RaggedTensor]:
            loss, slope = self._loss(point.scores, truth)
            parts = [tf.math.unsorted_segment_sum(slope, row, self._buckets) for row in self._rows]
            gradient = tf.stack(parts) / len(parts)
            if not estimators.get(self._estimator).takes_logits:
                probabilities = tf.sigmoid(tf.cast(point.logits, tf.float64))
                gradient *= probabilities * (1 - probabilities)
            of_values = tf.zeros_like(point.features, tf.float32)
            if self._ranker is not None:
                of_products = tf.where(point.products > 0, tf.cast(slope, tf.float32), 0)
                of_values = self._ranker.gradient(point.features, of_products)
            return loss, tf.cast(gradient, tf.float32), tf.RaggedTensor.from_tensor(of_values[:, tf.newaxis])

        shape = [len(self._rows), self._buckets]
        ragged = tf.RaggedTensorSpec([None, 1], tf.float32, ragged_rank=1)
        kinds = (tf.TensorSpec([], tf.float64), tf.TensorSpec(shape, tf.float32), ragged)
        losses, of_logits, of_values = self._map(of_point, kinds, at)
        return losses, tf.transpose(of_logits, [1, 0, 2]), of_values.flat_values

    def _map(self, function: Callable[[_Point, tf.Tensor], Any], kind: Any, at: Optional[_Place]) -> Any:
        """Calls a function with one point after the other, and which of its labels are true."""
        splits = self._batch.row_splits
        elements = [self._predicting, self._true_labels, splits[:-1], splits[1:]]
        if at is not None:
            elements.append(tf.transpose(at[0], [1, 0, 2]))

        def of_point(inputs: tuple[tf.Tensor, ...]) -> Any:
            predicting, given, begin, end, *own = inputs
            features = self._batch.feature_ids[begin:end]
            point = self._point(predicting, features, self._batch.feature_values[begin:end])
            chances = ranking.probabilities(point.scores, self._estimator, self._buckets, self._logit_scale)
            truth = _truth(point.scores, chances, given)
            if at is not None:
                point = self._point(own[0], features, at[1][begin:end])
            return function(point, truth)

        return tf.map_fn(of_point, tuple(elements), fn_output_signature=kind, parallel_iterations=1)

    def _point(self, logits: tf.Tensor, features: tf.Tensor, values: tf.Tensor) -> _Point:
        """Scores the labels of a point by its bucket logits, float32 [R, B], and its features."""
        wide = tf.cast(logits, tf.float64)
        if not estimators.get(self._estimator).takes_logits:
            wide = tf.sigmoid(wide)
        scores = tf.add_n([tf.gather(wide[place], row) for place, row in enumerate(self._rows)]) / len(self._rows)
        products = tf.zeros([0])
        if self._ranker is not None:
            splits = tf.stack([0, tf.size(features, tf.int64)])
            products = self._ranker.products(SparseBatch(splits, features, values))[0]
            scores += tf.cast(tf.nn.relu(products), tf.float64)
        return _Point(logits, features, products, scores)

    def _loss(self, scores: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss of a point, and its gradient for the label scores, float64 [K]."""
        # Label scores that are no means of logits have no ranker, and so the line that changes nothing.
        loss, slope = _cross_entropy(self._line.log_odds(scores), truth, self._estimator)
        return loss, slope / self._line.scale


class _Point(NamedTuple):
    """A point where its loss is computed.

    Attributes:
      logits: float32 [R, B].
      features: int64 [m], its hashed features.
      products: float32 [K], those of the ranker; empty without one.
      scores: float64 [K], the label scores.
    """

    logits: tf.Tensor
    features: tf.Tensor
    products: tf.Tensor
    scores: tf.Tensor


def value_gradient(
    weights: Sequence[StoredWeights], hidden_inputs: Sequence[tf.Tensor], batch: SparseBatch, logit_gradients: tf.Tensor
) -> tf.Tensor:
    """Returns the gradient of a loss for the feature values, float32 [nonzeros].

    Args:
      weights: those of each repetition.
      hidden_inputs: x W1 of each repetition, float32 [n, hidden].
      batch: n hashed points.
      logit_gradients: float32 [R, n, B], the gradient of the loss for the bucket logits.
    """
    columns, local = tf.unique(batch.feature_ids, tf.int64)
    renumbered = batch._replace(feature_ids=local)
    total = tf.zeros_like(batch.feature_values)
    for one, hidden_input, gradient in zip(weights, hidden_inputs, tf.unstack(logit_gradients, len(weights))):
        of_hidden = one.hidden_gradient(hidden_input, gradient)
        total += value_gradients(of_hidden[:, tf.newaxis], one.rows(columns)[:, tf.newaxis], renumbered)[:, 0]
    return total


def moved(batch: SparseBatch, gradient: tf.Tensor, epsilon: tf.Tensor) -> SparseBatch:
    """Returns the points after the step; `epsilon` is float32 [n]."""
    sizes = tf.gather(epsilon, point_of_entry(batch.row_splits))
    return batch._replace(feature_values=batch.feature_values + fgsm(gradient, sizes))


def joined(batch: SparseBatch, other: SparseBatch) -> SparseBatch:
    """Returns the points of one batch, and behind them those of another."""
    splits = tf.concat([batch.row_splits, batch.row_splits[-1] + other.row_splits[1:]], 0)
    ids, values = (tf.concat([one, another], 0) for one, another in zip(batch[1:], other[1:]))
    return SparseBatch(splits, ids, values)


def relative_norms(batch: SparseBatch, attacked: SparseBatch) -> tf.Tensor:
    """Returns the Euclidean norm of the step divided by that of the point, float32 [n]; 0 for an empty point."""
    points = point_of_entry(batch.row_splits)

    def squares(values: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(values, tf.float64) ** 2
        return tf.math.unsorted_segment_sum(wide, points, tf.size(batch.row_splits) - 1)

    before, step = squares(batch.feature_values), squares(attacked.feature_values - batch.feature_values)
    return tf.cast(tf.sqrt(tf.math.divide_no_nan(step, before)), tf.float32)


def strengthening(raw: SparseBatch, hashed: HashedPoints, gradient: tf.Tensor) -> tf.Tensor:
    """Returns how much the loss grows with the magnitude of each raw feature, float64 [raw entries].

    It is the gradient of the hashed feature, which several raw features may share, with the sign of the raw feature's part in it; 0
    where those parts cancel.
    """
    batch = hashed.batch
    rows, of_hashed = point_of_entry(raw.row_splits), point_of_entry(batch.row_splits)
    width = tf.reduce_max(tf.concat([hashed.columns, batch.feature_ids, [0]], 0)) + 1
    keys, sorted_keys = rows * width + hashed.columns, of_hashed * width + batch.feature_ids
    # One more at the end, so that every place exists.
    places = tf.searchsorted(sorted_keys, keys, out_type=tf.int64)
    found = tf.gather(tf.concat([sorted_keys, [-1]], 0), places) == keys
    gradients = tf.gather(tf.concat([tf.cast(gradient, tf.float64), [0]], 0), places)
    return tf.where(found, gradients * tf.sign(hashed.parts), 0)


def scores_of(logits: tf.Tensor, table: tf.Tensor, labels: tf.Tensor, estimator: str) -> tf.Tensor:
    """Returns the scores of labels, int64 [n, k]: float32 [n, k], to the last bit those that rank them."""
    buckets = tf.gather(table, labels, axis=1)
    picked = tf.gather(ranking.bucket_scores(logits, estimator), buckets, batch_dims=2)
    each = tf.reshape(picked, [table.shape[0], -1, 1])
    places = tf.tile(tf.range(tf.shape(each)[1])[tf.newaxis], [table.shape[0], 1])
    return tf.reshape(ranking.mean_scores(each, places), tf.shape(labels))


def _truth(scores: tf.Tensor, probabilities: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    """Returns which labels of a point are true, bool [K]."""
    labels = tf.size(probabilities, tf.int64)
    given = tf.boolean_mask(given, given >= 0)
    named = tf.scatter_nd(given[:, tf.newaxis], tf.ones_like(given), [labels]) > 0
    predicted = (probabilities >= 0.5) | (tf.range(labels) == tf.argmax(scores))
    return tf.where(tf.size(given) > 0, named, predicted)


def _cross_entropy(scores: tf.Tensor, truth: tf.Tensor, estimator: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the loss of a point, and its gradient for the scores, float64 [K]."""
    labels = tf.cast(tf.size(scores), tf.float64)
    if estimators.get(estimator).takes_logits:
        true = tf.cast(truth, tf.float64)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(true, scores)
        return tf.reduce_mean(losses), (tf.sigmoid(scores) - true) / labels
    rest, kept = tf.maximum(1 - scores, _SMALLEST), tf.maximum(scores, _SMALLEST)
    losses = -tf.math.log(tf.where(truth, kept, rest))
    return tf.reduce_mean(losses), tf.where(truth, -1 / kept, 1 / rest) / labels
