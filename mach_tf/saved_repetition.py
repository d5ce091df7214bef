"""A repetition as a SavedModel: written atomically, with two signatures, and loaded back with its weights."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import tensorflow as tf

from mach_tf import staging
from mach_tf.classifier import SparseBatch, Weights, bucket_logits
from mach_tf.errors import InputError

SERVING_SIGNATURE = "serving_default"
SPARSE_SIGNATURE = "sparse"


class Repetition(NamedTuple):
    """A loaded repetition.

    Attributes:
      weights: its variables; read them only.
      signatures: functions by name: "serving_default" takes `examples`, serialized tf.Example strings [n]; "sparse" takes
        `row_splits` int64 [n + 1], `feature_ids` int64 and `feature_values` float32 [nonzeros]. Both return `logits` and
        `probabilities`, float32 [n, buckets]. Features are hashed features.
      saved_model: the object that tf.saved_model.load returned; the signatures need it.
      origin: `ModelManifest.origin` of the training and the repetition.
    """

    weights: Weights
    signatures: dict[str, Any]
    saved_model: Any
    origin: str = ""


def parse_examples(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses serialized tf.Example strings [n] into the ragged [n, None] `feature_ids` int64 and `feature_values` float32."""
    features = {
        "feature_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
        "feature_values": tf.io.RaggedFeature(tf.float32, row_splits_dtype=tf.int64),
    }
    return tf.io.parse_example(serialized, features)


class _Servable(tf.Module):
    def __init__(self, weights: Weights, origin: str):
        super().__init__()
        self.origin = tf.Variable(origin, trainable=False)
        self.hidden_kernel = tf.Variable(weights.hidden_kernel, trainable=False)
        self.hidden_bias = tf.Variable(weights.hidden_bias, trainable=False)
        self.output_kernel = tf.Variable(weights.output_kernel, trainable=False)
        self.output_bias = tf.Variable(weights.output_bias, trainable=False)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int64, "row_splits"),
            tf.TensorSpec([None], tf.int64, "feature_ids"),
            tf.TensorSpec([None], tf.float32, "feature_values"),
        ],
        autograph=False,
    )
    def sparse(self, row_splits: tf.Tensor, feature_ids: tf.Tensor, feature_values: tf.Tensor) -> dict[str, tf.Tensor]:
        weights = Weights(self.hidden_kernel, self.hidden_bias, self.output_kernel, self.output_bias)
        logits = bucket_logits(weights, SparseBatch(row_splits, feature_ids, feature_values))
        return {"logits": logits, "probabilities": tf.sigmoid(logits)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")], autograph=False)
    def examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = parse_examples(examples)
        ids, values = parsed["feature_ids"], parsed["feature_values"]
        return self.sparse(ids.row_splits, ids.values, values.values)


def export_repetition(path: str, weights: Weights, origin: str) -> None:
    """Writes a SavedModel directory atomically; an existing one is replaced.

    Args:
      path: the directory.
      weights: they are copied, not changed.
      origin: `ModelManifest.origin` of the training and the repetition.

    Raises:
      InputError: it cannot be written, usually because the disk is full.
    """
    module = _Servable(weights, origin)
    del weights  # frees them, if the caller keeps no reference, before TensorFlow makes its own copy
    signatures = {SERVING_SIGNATURE: module.examples, SPARSE_SIGNATURE: module.sparse}
    with staging.staged(path) as temporary:
        try:
            tf.saved_model.save(module, temporary, signatures=signatures)
        except (OSError, tf.errors.OpError) as error:
            raise InputError(
                f"{path}: a repetition must fit on the disk, but writing it failed ({error}). Make room; the same command writes "
                "it from the last checkpoint."
            ) from None


def load_repetition(path: str) -> Repetition:
    """Loads a repetition that `export_repetition` wrote.

    Raises:
      InputError: there is no SavedModel of a repetition at `path`.
    """
    if not os.path.isfile(os.path.join(path, "saved_model.pb")):
        raise InputError(f"{path} must be a repetition's SavedModel, but holds no saved_model.pb; train it first.")
    loaded = tf.saved_model.load(path)
    try:
        weights = Weights(*(getattr(loaded, name) for name in Weights._fields))
        signatures = {name: loaded.signatures[name] for name in (SERVING_SIGNATURE, SPARSE_SIGNATURE)}
    except (AttributeError, KeyError) as error:
        raise InputError(
            f"{path} is a SavedModel, but not of a repetition (it lacks {error}); remove it and train again."
        ) from None
    if not hasattr(loaded, "origin"):
        raise InputError(
            f"{path} was written by an earlier version of mach_tf, which did not say what it was trained as. Remove it and "
            "train again with the same settings."
        )
    return Repetition(weights, signatures, loaded, loaded.origin.numpy().decode())
