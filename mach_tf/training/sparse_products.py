"""Sparse products of a batch with the first layers of repetitions side by side, and their gradients, on all cores.

They use row-compressed matrices, because TensorFlow's product of a SparseTensor runs on one core, and its transposed product
writes a row of the result for every entry: 43 ms, where the gradient here takes 20 ms at the reference setting on two cores.
"""

from __future__ import annotations

import tensorflow as tf

from mach_tf.classifier import SparseBatch, point_of_entry
from mach_tf.fgsm import value_gradients

__all__ = ["kernel_gradient", "kernel_gradient_of_both", "product", "product_by_repetition", "value_gradients"]


def product(points: SparseBatch, kernel: tf.Tensor) -> tf.Tensor:
    """Returns x W1 of every repetition, [n, G, hidden]; its gradient is kernel_gradient.

    Args:
      points: x; its feature_ids are rows of the kernel.
      kernel: W1, [features, G, hidden].
    """
    _, groups, hidden = kernel.shape
    dense = tf.reshape(kernel, [-1, groups * hidden])
    rows = point_of_entry(points.row_splits)
    result = _times(rows, points.feature_ids, points.feature_values, _count(points), dense)
    return tf.reshape(result, [-1, groups, hidden])


def product_by_repetition(points: SparseBatch, values: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns x W1 for feature values that differ between repetitions, as one product of G n points and features G columns.

    Args:
      points: x, without its values.
      values: float32 [nonzeros, G], the values for each repetition.
      kernel: W1, [features, G, hidden].
    """
    _, groups, hidden = kernel.shape
    repetition = tf.range(groups, dtype=tf.int64)[:, None]
    rows = repetition * _count(points) + point_of_entry(points.row_splits)
    columns = points.feature_ids * groups + repetition
    dense = tf.reshape(kernel, [-1, hidden])
    rows, columns, values = _flat(rows, columns, tf.transpose(values))
    result = _times(rows, columns, values, groups * _count(points), dense)
    return tf.transpose(tf.reshape(result, [groups, -1, hidden]), [1, 0, 2])


def kernel_gradient(points: SparseBatch, entries: tf.RaggedTensor, gradient: tf.Tensor) -> tf.Tensor:
    """Returns the gradient of the kernel, [features, G, hidden].

    Args:
      points: x.
      entries: int [features, (entries)], the entries of each feature.
      gradient: float32 [n, G, hidden], the gradient of the loss with respect to x W1.
    """
    _, groups, hidden = gradient.shape
    columns = tf.gather(point_of_entry(points.row_splits), entries.values)
    values = tf.gather(points.feature_values, entries.values)
    dense = tf.reshape(gradient, [-1, groups * hidden])
    # As entries.value_rowids(), which TensorFlow makes from a mask of features and the most entries of one.
    rows = tf.gather(points.feature_ids, entries.values)
    result = _times(rows, columns, values, entries.nrows(), dense)
    return tf.reshape(result, [-1, groups, hidden])


def kernel_gradient_of_both(
    points: SparseBatch, entries: tf.RaggedTensor, perturbation: tf.Tensor, clean: tf.Tensor, attacked: tf.Tensor
) -> tf.Tensor:
    """Returns the gradient of the kernel, [features, G, hidden], through both its products, x W1 and (x + perturbation) W1.

    It takes one pass, in which an entry adds to its row for both products; two products and their sum would take three.

    Args:
      points: x.
      entries: int [features, (entries)], the entries of each feature.
      perturbation: float32 [nonzeros, G].
      clean, attacked: float32 [n, G, hidden], the gradients of the loss with respect to the two products.
    """
    _, groups, hidden = clean.shape
    # The entries of each feature, once per repetition: the rows of the result, in order.
    each = tf.gather(entries, tf.repeat(tf.range(entries.nrows()), groups))
    rows, entry = each.value_rowids(), each.values
    column = tf.gather(point_of_entry(points.row_splits), entry) * groups + rows % groups
    value = tf.gather(points.feature_values, entry)
    moved = value + tf.gather_nd(perturbation, tf.stack([tf.cast(entry, tf.int64), rows % groups], axis=1))
    columns = tf.stack([column, column + _count(points) * groups], axis=1)
    rows, columns, values = _flat(tf.stack([rows, rows], axis=1), columns, tf.stack([value, moved], axis=1))
    both = tf.reshape(tf.concat([clean, attacked], axis=0), [-1, hidden])
    result = _times(rows, columns, values, entries.nrows() * groups, both)
    return tf.reshape(result, [-1, groups, hidden])


def _count(points: SparseBatch) -> tf.Tensor:
    return tf.size(points.row_splits, tf.int64) - 1


def _flat(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return tuple(tf.reshape(tensor, [-1]) for tensor in tensors)


def _times(rows: tf.Tensor, columns: tf.Tensor, values: tf.Tensor, count: tf.Tensor, dense: tf.Tensor) -> tf.Tensor:
    """Returns the product of a sparse matrix of `count` rows, whose entries are in the order of their rows, with a dense one."""
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=tf.stack([rows, columns], axis=1),
        values=values,
        # One more, empty row, cut off below without a copy: TensorFlow divides by the number of rows and crashes at 0.
        dense_shape=tf.stack([count + 1, tf.shape(dense, tf.int64)[0]]),
    )
    return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=dense)[:-1]
