"""The module that becomes a servable: raw features in; the k best labels, their scores and the reasons for them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf

from mach_tf import estimators, serving_signatures, signature_names
from mach_tf.classifier import SparseBatch, log_odds
from mach_tf.logit_scale import LogitScale
from mach_tf.serving import attributions, ranking
from mach_tf.serving.raw_features import HashedPoints, RawFeatures, summed
from mach_tf.serving.stored_ranker import StoredRanker
from mach_tf.serving.stored_weights import StoredWeights
from mach_tf.signature_names import EXPLAIN_SIGNATURE, IDS, SPLITS, VALUES

# Label scores that are in memory together; more points are decoded in several steps.
_SCORES_AT_ONCE = 1 << 22
# Numbers of float64 in the paths of Integrated Gradients that are in memory together, [points, R, k, hidden].
_PATHS_AT_ONCE = 1 << 23
Outputs = dict[str, tf.Tensor]
_Answer = Callable[[SparseBatch, tf.Tensor], Outputs]
# A scalar; or one number per point, of which the largest counts, as the row form of REST requests has it.
K = tf.TensorSpec(None, tf.int32, "k")
# Row-compressed points.
ARRAYS = (
    tf.TensorSpec([None], tf.int64, SPLITS),
    tf.TensorSpec([None], tf.int64, IDS),
    tf.TensorSpec([None], tf.float32, VALUES),
)


class EnsembleServable(tf.Module):
    """All repetitions of an ensemble, their bucket table and the names.

    Every method returns a dictionary with one row per point and one column per rank. Points without features have scores too.
    """

    def __init__(
        self,
        raw_features: RawFeatures,
        weights: Sequence[StoredWeights],
        table: np.ndarray,
        estimator: str,
        label_names: Sequence[str],
        feature_names: Optional[Sequence[str]] = None,
        reasons: int = 10,
        ranker: Optional[StoredRanker] = None,
        multiclass: bool = False,
        logit_scale: Optional[LogitScale] = None,
    ):
        """Copies the tables and names.

        Args:
          raw_features: the hashing.
          weights: those of each repetition.
          table: int32 [R, K], the bucket table.
          estimator: "logit_mean" or "mean".
          label_names: the name of each label.
          feature_names: the name of each raw feature; None if they have none.
          reasons: number of features that an explanation names for a label, at most.
          ranker: what is added to label scores; None for nothing.
          multiclass: whether buckets have a softmax. Its scores have no closed form of Integrated Gradients, and its loss is another: the
            signatures rank alone.
          logit_scale: the line from scores that are means of logits to the log-odds of probabilities; None for that without calibration.
        """
        super().__init__()
        self.multiclass = multiclass
        self.estimator, self.logit_scale = estimator, logit_scale or LogitScale.uncalibrated(ranker)
        self._reasons = reasons
        self.labels, self._buckets = table.shape[1], weights[0].output_bias.shape[0]
        self.raw_features = raw_features
        self.weights = list(weights)
        self.ranker = ranker
        self.table = tf.Variable(table, trainable=False)
        self.label_names = tf.Variable(list(label_names), trainable=False)
        self.feature_names = None if feature_names is None else tf.Variable(list(feature_names), trainable=False)

    def predict(self, raw: SparseBatch, k: tf.Tensor) -> Outputs:
        """Ranks labels.

        Args:
          raw: n raw points that were checked.
          k: int32 scalar in [1, K].

        Returns:
          `labels` int64, `label_names` string, `scores` float32 as `estimators.reported` shows them, and `probabilities`
          float32; all [n, k], best first.
        """
        batch = self.raw_features(raw).batch
        return self.ranked(self.logits(self.hidden_inputs(batch)), batch, k)

    def explain(self, raw: SparseBatch, k: tf.Tensor) -> Outputs:
        """Ranks labels and attributes their scores to raw features, by exact Integrated Gradients from the zero baseline.

        Returns:
          What `predict` returns, and for each label the features with the largest attributions by magnitude: `features` int64
          [n, k, m], `attributions` float32 [n, k, m], and `feature_names` string [n, k, m] if features have names. A point with
          fewer than m features is padded with the feature -1, the attribution 0 and the name "". `baseline_scores`, float32
          [n, k], are the scores of a point without features: all attributions of a label add up to its score minus that.
        """
        return self.explained(raw, k)[0]

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the functions of the SavedModel by the names of their signatures."""
        found = {
            signature_names.SERVING_SIGNATURE: self._of_examples(self.predict),
            signature_names.SPARSE_SIGNATURE: self._of_arrays(self.predict),
        }
        if estimators.get(self.estimator).takes_logits and not self.multiclass:
            found[EXPLAIN_SIGNATURE] = self._of_arrays(self.explain)
        return found

    def _of_examples(self, answer: _Answer) -> tf.types.experimental.GenericFunction:
        """Returns a signature whose points are serialized tf.train.Example messages."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples"), K], autograph=False)
        def function(examples, k):
            parsed = serving_signatures.parse_examples(examples)
            ids, values = parsed[IDS], parsed[VALUES]
            with tf.control_dependencies(serving_signatures.check_examples(examples, ids, values)):
                raw = SparseBatch(tf.identity(ids.row_splits), ids.values, values.values)
            return answer(self._checked(raw), self.checked_k(k))

        return function

    def _of_arrays(self, answer: _Answer) -> tf.types.experimental.GenericFunction:
        """Returns a signature whose points are row-compressed."""

        @tf.function(input_signature=[*ARRAYS, K], autograph=False)
        def function(row_splits, feature_ids, feature_values, k):
            return answer(self.checked_arrays(row_splits, feature_ids, feature_values), self.checked_k(k))

        return function

    def checked_arrays(self, row_splits: tf.Tensor, feature_ids: tf.Tensor, feature_values: tf.Tensor) -> SparseBatch:
        """Returns row-compressed points; fails unless they are well-formed."""
        with tf.control_dependencies(serving_signatures.check_splits(row_splits, feature_ids, feature_values)):
            return self._checked(SparseBatch(tf.identity(row_splits), feature_ids, feature_values))

    def _checked(self, raw: SparseBatch) -> SparseBatch:
        features = tf.constant(self.raw_features.features, tf.int64)
        with tf.control_dependencies(serving_signatures.check_entries(raw, features)):
            return SparseBatch(*map(tf.identity, raw))

    def checked_k(self, k: tf.Tensor) -> tf.Tensor:
        """Returns the largest k, a scalar; fails unless it is in [1, K]."""
        k = tf.reduce_max(k)
        message = f"k must be in [1, {self.labels}] (got {{}})"
        with tf.control_dependencies([serving_signatures.require((k >= 1) & (k <= self.labels), message, k)]):
            return tf.identity(k)

    def explained(self, raw: SparseBatch, k: tf.Tensor) -> tuple[Outputs, tf.Tensor]:
        """Returns what `explain` does, and the attributions of all features of the points, ids ascending, float64 [features, k]."""
        raw, hashed = summed(raw, self.raw_features(raw))
        hidden_inputs = self.hidden_inputs(hashed.batch)
        outputs = self.ranked(self.logits(hidden_inputs), hashed.batch, k)
        found = self._attributions(raw, hashed, hidden_inputs, outputs["labels"])
        if self.ranker is not None:
            found += self.ranker.attributions(raw.row_splits, hashed, outputs["labels"])
        outputs["features"], outputs["attributions"] = self.largest(raw, found)
        if self.feature_names is not None:
            outputs["feature_names"] = self.names_of(outputs["features"])
        nothing = [one.logits(tf.zeros([1, one.hidden_bias.shape[0]])) for one in self.weights]
        at_zero = tf.stack([logits[0] for logits in nothing])[:, :, tf.newaxis]
        outputs["baseline_scores"] = tf.gather(ranking.mean_scores(at_zero, self.table)[:, 0], outputs["labels"])
        return outputs, found

    def hidden_inputs(self, batch: SparseBatch) -> list[tf.Tensor]:
        """Returns x W1 of each repetition, float32 [n, hidden]."""
        return [one.hidden_input(batch) for one in self.weights]

    def logits(self, hidden_inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the bucket logits, float32 [R, n, B], from x W1 of each repetition; of a softmax the log-odds."""
        logits = tf.stack([one.logits(each) for one, each in zip(self.weights, hidden_inputs)])
        return log_odds(logits) if self.multiclass else logits

    def ranked(self, logits: tf.Tensor, batch: SparseBatch, k: tf.Tensor) -> Outputs:
        """Ranks the labels of n hashed points by their bucket logits and the ranker; returns what `predict` does."""
        sketch = tf.transpose(ranking.bucket_scores(logits, self.estimator), [0, 2, 1])
        scores, labels = self._decode(sketch, batch, k)
        shown, probabilities = self.shown(scores)
        return {
            "labels": labels,
            "label_names": tf.gather(self.label_names, labels),
            "scores": shown,
            "probabilities": probabilities,
        }

    def shown(self, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns label scores as users see them, and the probabilities, float32 of the same shape."""
        probabilities = ranking.probabilities(scores, self.estimator, self._buckets, self.logit_scale)
        return ranking.reported(scores, self.estimator, self._buckets), tf.cast(probabilities, tf.float32)

    def names_of(self, features: tf.Tensor) -> tf.Tensor:
        """Returns the names of features, "" for -1; only if features have names."""
        return tf.where(features >= 0, tf.gather(self.feature_names, tf.maximum(features, 0)), "")

    def _decode(self, sketch: tf.Tensor, batch: SparseBatch, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the k best label scores, float32 [n, k], and the labels, a few points at a time.

        Args:
          sketch: float32 [R, B, n].
          batch: the n hashed points, which the ranker reads.
          k: int32 scalar in [1, K].
        """
        points = tf.shape(sketch)[2]
        step = tf.constant(max(1, _SCORES_AT_ONCE // self.labels))
        if self.ranker is not None:
            step = tf.minimum(step, self.ranker.points_at_once(batch))

        def some(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            begin, end = index * step, (index + 1) * step
            scores = tf.transpose(ranking.mean_scores(sketch[:, :, begin:end], self.table))
            if self.ranker is not None:
                scores += self.ranker.added(batch._replace(row_splits=batch.row_splits[begin : end + 1]))
            return ranking.best_labels(scores, k)

        # The ranker's weights fill the memory of one step; several at a time are no faster.
        side_by_side = None if self.ranker is None else 1
        scores, labels = _flat_map(some, tf.range(-(-points // step)), tf.float32, tf.int64, side_by_side=side_by_side)
        return tf.reshape(scores, [points, k]), tf.reshape(labels, [points, k])

    def _attributions(
        self, raw: SparseBatch, hashed: HashedPoints, hidden_inputs: Sequence[tf.Tensor], labels: tf.Tensor
    ) -> tf.Tensor:
        """Returns the attributions of each entry of `raw` for the labels of its point, int64 [n, k], float64 [entries, k]."""
        points, k = tf.unstack(tf.shape(labels))
        of_pair = len(self.weights) * self.weights[0].hidden_bias.shape[0]
        step = tf.maximum(1, _PATHS_AT_ONCE // (of_pair * k))

        def of_point(inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor]:
            begin, end, path_weights = inputs
            columns, parts = hashed.columns[begin:end], hashed.parts[begin:end]
            return (tf.transpose(attributions.attribute(self.weights, tf.unstack(path_weights), columns, parts)),)

        def some(index: tf.Tensor) -> tuple[tf.Tensor]:
            begin, end = index * step, tf.minimum((index + 1) * step, points)
            weights = tf.stack(
                [
                    attributions.path_weights(one, change[begin:end], tf.gather(buckets, labels[begin:end]))
                    for one, change, buckets in zip(self.weights, hidden_inputs, tf.unstack(self.table))
                ],
                axis=1,
            )
            splits = raw.row_splits[begin : end + 1]
            (part,) = _flat_map(of_point, (splits[:-1], splits[1:], weights), tf.float64)
            return (tf.reshape(part, [-1, k]),)

        (found,) = _flat_map(some, tf.range(-(-points // step)), tf.float64, side_by_side=1)
        return tf.reshape(found, [tf.size(raw.feature_ids), k])

    def largest(self, raw: SparseBatch, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the features with the largest values by magnitude, int64 [n, k, m], and these, float32, of float64 [entries, k]."""

        def of_point(inputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            begin, end = inputs
            own = tf.transpose(found[begin:end])
            shown = tf.minimum(tf.cast(end - begin, tf.int32), self._reasons)
            _, places = tf.math.top_k(tf.abs(own), shown)
            missing = [[0, 0], [0, self._reasons - shown]]
            ids = tf.pad(tf.gather(raw.feature_ids[begin:end], places), missing, constant_values=-1)
            return ids, tf.cast(tf.pad(tf.gather(own, places, batch_dims=1), missing), tf.float32)

        features, largest = _flat_map(of_point, (raw.row_splits[:-1], raw.row_splits[1:]), tf.int64, tf.float32)
        shape = [tf.size(raw.row_splits) - 1, tf.shape(found)[1], self._reasons]
        return tf.reshape(features, shape), tf.reshape(largest, shape)


def _flat_map(
    function: Callable[..., Any], elements: Any, *dtypes: tf.DType, side_by_side: Optional[int] = None
) -> list[tf.Tensor]:
    """Maps elements to matrices, and returns all their entries in order; unlike tf.map_fn alone, also for no elements at all."""
    found = tf.map_fn(
        lambda element: tuple(tf.RaggedTensor.from_tensor(each) for each in function(element)),
        elements,
        parallel_iterations=side_by_side,
        fn_output_signature=tuple(tf.RaggedTensorSpec([None, None], dtype, ragged_rank=1) for dtype in dtypes),
    )
    return [each.flat_values for each in found]
