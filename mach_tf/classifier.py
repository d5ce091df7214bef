"""The bucket classifier: sigmoid(relu(x W1 + b1) W2 + b2) of a sparse x that is never made dense."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse
import tensorflow as tf

# Points that go through a network at once; larger batches gain nothing and take more memory.
_BATCH = 1024
_TINY = 1e-37


class Weights(NamedTuple):
    """The weights of one repetition: tensors or variables, float32.

    Attributes:
      hidden_kernel: W1, [features, hidden].
      hidden_bias: b1, [hidden].
      output_kernel: W2, [hidden, buckets].
      output_bias: b2, [buckets].
    """

    hidden_kernel: tf.Tensor
    hidden_bias: tf.Tensor
    output_kernel: tf.Tensor
    output_bias: tf.Tensor


class SparseBatch(NamedTuple):
    """n sparse points, row-compressed.

    Attributes:
      row_splits: int64 [n + 1]; point i has the entries row_splits[i]:row_splits[i + 1].
      feature_ids: int64 [nonzeros].
      feature_values: float32 [nonzeros].
    """

    row_splits: tf.Tensor
    feature_ids: tf.Tensor
    feature_values: tf.Tensor


def bucket_logits(weights: Weights, batch: SparseBatch) -> tf.Tensor:
    """Computes the logits of a batch, float32 [n, buckets]; differentiable in the weights and in the feature values."""
    return output_logits(weights, sparse_product(batch, weights.hidden_kernel))


@tf.function(
    input_signature=[
        Weights(*(tf.TensorSpec([None] * rank, tf.float32) for rank in (2, 1, 2, 1))),
        SparseBatch(*(tf.TensorSpec([None], dtype) for dtype in (tf.int64, tf.int64, tf.float32))),
    ],
    autograph=False,
)
def predict_logits(weights: Weights, batch: SparseBatch) -> tf.Tensor:
    """Computes `bucket_logits` as one graph, which is traced once for all shapes."""
    return bucket_logits(weights, batch)


def output_logits(weights: Weights, hidden_input: tf.Tensor) -> tf.Tensor:
    """Computes the logits, float32 [n, buckets], from x W1, float32 [n, hidden]."""
    return tf.matmul(tf.nn.relu(hidden_input + weights.hidden_bias), weights.output_kernel) + weights.output_bias


def sparse_product(batch: SparseBatch, kernel: tf.Tensor) -> tf.Tensor:
    """Multiplies x by a kernel [features, columns]: float32 [n, columns].

    Training has its own products (training/sparse_products.py). This one is differentiable in the values alone, without the
    gradient of the whole kernel. On the CPU a feature id outside the kernel raises InvalidArgumentError.
    """
    points = tf.size(batch.row_splits, out_type=tf.int64) - 1
    indices = tf.stack([point_of_entry(batch.row_splits), batch.feature_ids], axis=1)
    matrix = tf.SparseTensor(indices, batch.feature_values, tf.stack([points, tf.shape(kernel, tf.int64)[0]]))
    return tf.sparse.sparse_dense_matmul(matrix, kernel)


def point_of_entry(row_splits: tf.Tensor) -> tf.Tensor:
    """Returns the point of each entry, int64 [nonzeros], from row_splits, int64 [n + 1]."""
    points = tf.range(tf.size(row_splits, out_type=tf.int64) - 1)
    return tf.repeat(points, row_splits[1:] - row_splits[:-1])


def write_logits(
    weights: Weights, features: scipy.sparse.csr_matrix, logits: np.ndarray, multiclass: bool = False
) -> None:
    """Fills float32 [n, B] with the bucket logits of points, CSR [n, D], some points at a time; of a softmax with its log-odds."""
    for begin in range(0, features.shape[0], _BATCH):
        batch = features[begin : begin + _BATCH]
        sparse = SparseBatch(
            tf.constant(batch.indptr, tf.int64),
            tf.constant(batch.indices, tf.int64),
            tf.constant(batch.data, tf.float32),
        )
        found = predict_logits(weights, sparse)
        logits[begin : begin + _BATCH] = log_odds(found) if multiclass else found


@tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
def log_odds(logits: tf.Tensor) -> tf.Tensor:
    """Returns the log-odds of the buckets of a softmax, z_b - log(sum over c != b of exp z_c), of the same shape [..., B].

    Their sigmoid is the softmax. So decoding, label scores, probabilities and attacks, which take logits of sigmoids, hold for
    multiclass models too. Differentiable; precise where one bucket has nearly all of the probability.
    """
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))
    powers = tf.exp(shifted)
    best = tf.one_hot(tf.argmax(shifted, axis=-1), tf.shape(logits)[-1], True, False, dtype=tf.bool)
    rest = tf.reduce_sum(tf.where(best, tf.zeros_like(powers), powers), axis=-1, keepdims=True)
    # Without the difference of nearly equal numbers: of all buckets but the best, the sum of the others is at least 1.
    top = tf.reduce_max(powers, axis=-1, keepdims=True)
    others = tf.where(best, tf.broadcast_to(rest, tf.shape(powers)), top + rest - powers)
    return shifted - tf.math.log(tf.maximum(others, _TINY))


@tf.function(input_signature=[tf.TensorSpec(None, tf.float32), tf.TensorSpec(None, tf.float32)])
def log_odds_gradient(logits: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Returns a loss's gradient for the logits of a softmax from that for their log-odds, both [..., B]."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        odds = log_odds(logits)
    return tape.gradient(odds, logits, gradient)
