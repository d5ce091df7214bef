"""Sparse products of a batch with the first layers of repetitions side by side, and the way back."""

from __future__ import annotations

import tensorflow as tf

from mach_tf.classifier import SparseBatch, point_of_entry, sparse_product


def product(points: SparseBatch, kernel: tf.Tensor) -> tf.Tensor:
    """x W1 of every repetition, [n, G, hidden], of a kernel [features, G, hidden]."""
    _, groups, hidden = kernel.shape
    return tf.reshape(sparse_product(points, tf.reshape(kernel, [-1, groups * hidden])), [-1, groups, hidden])


def product_by_repetition(points: SparseBatch, values: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The same with values [nonzeros, G] of each repetition's own, as one product of n G points and features G columns."""
    _, groups, hidden = kernel.shape
    matrix = _by_repetition(points, values[:, None], tf.shape(kernel, tf.int64)[0])
    return tf.reshape(tf.sparse.sparse_dense_matmul(matrix, tf.reshape(kernel, [-1, hidden])), [-1, groups, hidden])


def kernel_gradient(
    points: SparseBatch, perturbation: tf.Tensor, clean: tf.Tensor, attacked: tf.Tensor, features: tf.Tensor
) -> tf.Tensor:
    """The gradient of the kernel from that of both its products, x W1 and (x + perturbation) W1.

    In one pass: an entry adds to its row for both, where two products and their sum would each go through all rows.

    Args:
      points: x.
      perturbation: float32 [nonzeros, G].
      clean, attacked: float32 [n, G, hidden], of the loss with respect to the two products.
      features: int64 [], rows of the kernel.

    Returns:
      float32 [features, G, hidden].
    """
    _, groups, hidden = clean.shape
    values = tf.broadcast_to(points.feature_values[:, None], tf.shape(perturbation))
    matrix = _by_repetition(points, tf.stack([values, values + perturbation], axis=1), features)
    both = tf.reshape(tf.concat([clean, attacked], axis=0), [-1, hidden])
    return tf.reshape(tf.sparse.sparse_dense_matmul(matrix, both, adjoint_a=True), [-1, groups, hidden])


def _by_repetition(points: SparseBatch, values: tf.Tensor, features: tf.Tensor) -> tf.SparseTensor:
    """Batches of the same points one under the other, with values [nonzeros, batches, G], as a matrix [batches n G, features G]."""
    batches, groups = values.shape[1:]
    rows_of_batch = (tf.size(points.row_splits, tf.int64) - 1) * groups
    place = tf.range(batches, dtype=tf.int64)[:, None] * rows_of_batch + tf.range(groups, dtype=tf.int64)
    rows = point_of_entry(points.row_splits)[:, None, None] * groups + place
    columns = points.feature_ids[:, None, None] * groups + tf.range(groups, dtype=tf.int64)
    indices = tf.reshape(tf.stack([rows, tf.broadcast_to(columns, tf.shape(rows))], axis=3), [-1, 2])
    return tf.SparseTensor(indices, tf.reshape(values, [-1]), tf.stack([batches * rows_of_batch, features * groups]))
