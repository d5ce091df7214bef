"""The functions that a served repetition answers with, and the checks in their graphs that refuse a malformed point by its number."""

from __future__ import annotations

import tensorflow as tf

from mach_tf.classifier import SparseBatch, Weights, bucket_logits, point_of_entry
from mach_tf.signature_names import EPSILON, IDS, SPLITS, TRUE_LABELS, VALUES


class Servable(tf.Module):
    """The weights and the origin of a repetition, and its signatures."""

    def __init__(self, weights: Weights, origin: str, multiclass: bool = False):
        super().__init__()
        self._probabilities = tf.nn.softmax if multiclass else tf.sigmoid
        self.origin = tf.Variable(origin, trainable=False)
        self.hidden_kernel = tf.Variable(weights.hidden_kernel, trainable=False)
        self.hidden_bias = tf.Variable(weights.hidden_bias, trainable=False)
        self.output_kernel = tf.Variable(weights.output_kernel, trainable=False)
        self.output_bias = tf.Variable(weights.output_bias, trainable=False)

    def take(self, weights: Weights, origin: str) -> None:
        """Copies the weights and the origin of another repetition of the same shape."""
        self.origin.assign(origin)
        own = (self.hidden_kernel, self.hidden_bias, self.output_kernel, self.output_bias)
        for variable, value in zip(own, weights):
            variable.assign(value)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int64, SPLITS),
            tf.TensorSpec([None], tf.int64, IDS),
            tf.TensorSpec([None], tf.float32, VALUES),
        ],
        autograph=False,
    )
    def sparse(self, row_splits: tf.Tensor, feature_ids: tf.Tensor, feature_values: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes the logits and probabilities of row-compressed points."""
        with tf.control_dependencies([*check_splits(row_splits, feature_ids, feature_values)]):
            batch = SparseBatch(tf.identity(row_splits), feature_ids, feature_values)
        return self._outputs(batch)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")], autograph=False)
    def examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes the logits and probabilities of serialized tf.train.Example messages."""
        parsed = parse_examples(examples)
        ids, values = parsed[IDS], parsed[VALUES]
        with tf.control_dependencies([*check_examples(examples, ids, values)]):
            batch = SparseBatch(tf.identity(ids.row_splits), ids.values, values.values)
        return self._outputs(batch)

    def _outputs(self, batch: SparseBatch) -> dict[str, tf.Tensor]:
        weights = Weights(self.hidden_kernel, self.hidden_bias, self.output_kernel, self.output_bias)
        with tf.control_dependencies([*check_entries(batch, tf.shape(self.hidden_kernel, tf.int64)[0])]):
            logits = bucket_logits(weights, SparseBatch(*map(tf.identity, batch)))
        return {"logits": logits, "probabilities": self._probabilities(logits)}


def parse_examples(serialized: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    """Parses serialized tf.train.Example messages [n] into the ragged [n, None] `feature_ids` int64 and `feature_values` float32."""
    features = {
        IDS: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
        VALUES: tf.io.RaggedFeature(tf.float32, row_splits_dtype=tf.int64),
    }
    return tf.io.parse_example(serialized, features)


def check_examples(serialized: tf.Tensor, ids: tf.RaggedTensor, values: tf.RaggedTensor) -> list[tf.Operation]:
    n_ids, n_values = ids.row_lengths(), values.row_lengths()
    numbers = tf.range(tf.size(n_ids))
    # A point may have no features, but a misspelt key looks the same once it is parsed; the bytes tell them apart.
    empty = tf.where(n_ids == 0)[:, 0]
    named = tf.strings.regex_full_match(tf.gather(serialized, empty), rf"\C*{IDS}\C*")
    keys = f"an example must have the keys {IDS} (int64) and {VALUES} (float), with empty lists if it has no features"
    return [
        _require_all(
            n_ids == n_values, numbers, f"{VALUES} must be as many as {IDS} (got {{}} and {{}})", n_values, n_ids
        ),
        _require_all(named, empty, keys),
    ]


def check_splits(row_splits: tf.Tensor, ids: tf.Tensor, values: tf.Tensor) -> list[tf.Operation]:
    n_ids, n_values = tf.size(ids, tf.int64), tf.size(values, tf.int64)
    lengths = row_splits[1:] - row_splits[:-1]
    ends = tf.concat([row_splits[:1], row_splits[-1:] - n_ids], 0)
    return [
        require(n_ids == n_values, f"{VALUES} must be as many as {IDS} (got {{}} and {{}})", n_values, n_ids),
        require(
            (tf.size(row_splits) > 0) & tf.reduce_all(ends == 0),
            f"row_splits must begin with 0 and end with {{}}, the number of {IDS}",
            n_ids,
        ),
        _require_all(
            lengths >= 0, tf.range(tf.size(lengths)), "row_splits must not decrease (got a difference of {})", lengths
        ),
    ]


def check_entries(batch: SparseBatch, columns: tf.Tensor) -> list[tf.Operation]:
    ids, values = batch.feature_ids, batch.feature_values
    points = point_of_entry(batch.row_splits)
    bound = tf.fill(tf.shape(ids), columns)
    return [
        _require_all((ids >= 0) & (ids < columns), points, f"{IDS} must be in [0, {{}}) (got {{}})", bound, ids),
        _require_all(tf.math.is_finite(values), points, f"{VALUES} must be finite (got {{}})", values),
    ]


def check_attack(points: tf.Tensor, epsilon: tf.Tensor, true_labels: tf.Tensor, labels: int) -> list[tf.Operation]:
    """Checks the inputs of an attack on `points` points of a model with `labels` labels."""
    numbers = tf.range(tf.size(epsilon))
    largest, least = (tf.reduce_max(true_labels, 1), tf.reduce_min(true_labels, 1))
    outside = tf.where(largest >= labels, largest, least)
    sizes = tf.stack([tf.size(epsilon), tf.shape(true_labels)[0]])
    return [
        require(
            tf.reduce_all(sizes == points), f"{EPSILON} and {TRUE_LABELS} must have one row per point (got {{}})", sizes
        ),
        _require_all(
            tf.math.is_finite(epsilon) & (epsilon >= 0),
            numbers,
            f"{EPSILON} must be finite and at least 0 (got {{}})",
            epsilon,
        ),
        _require_all(
            (largest < labels) & (least >= -1),
            tf.range(tf.size(outside)),
            f"{TRUE_LABELS} must be in [0, {labels}), or -1 (got {{}})",
            outside,
        ),
    ]


def _require_all(holds: tf.Tensor, points: tf.Tensor, rule: str, *got: tf.Tensor) -> tf.Operation:
    """Fails unless all of `holds`, bool [n], is true; says the point, and what was got, of the first that is not."""
    first = tf.where(~holds)[:1, 0]
    # The sum of at most one number: a scalar to show.
    shown = (tf.reduce_sum(tf.gather(values, first)) for values in (points, *got))
    return require(tf.reduce_all(holds), f"point {{}}: {rule}", *shown)


def require(holds: tf.Tensor, message: str, *shown: tf.Tensor) -> tf.Operation:
    """Fails with the message, a format of the scalars `shown`, unless the boolean `holds` is true."""
    return tf.debugging.Assert(holds, [tf.strings.format(message, shown)])
