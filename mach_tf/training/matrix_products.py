"""Products of a batch with the first layers of repetitions side by side, and their gradients, on a GPU.

They have the signatures of sparse_products, and give the same up to rounding. A batch is here the matrix of the features that its
points have and the points, [features, n], most of it zeros: 9 MB for 256 points and the 9,071 features of a batch at the
reference setting. A GPU multiplies it, zeros included, in a fifth of the time that cuSPARSE takes for the entries alone, and the
gradient of the values, a loop of small products elsewhere, is one product. The input as a whole, [n, D], is not made.

Points are the inner axis because their number is a multiple of 8, which the fast kernels of cuBLAS ask of an inner axis, and the number
of features is any.
"""

from __future__ import annotations

import tensorflow as tf

from mach_tf.classifier import SparseBatch


def product(points: SparseBatch, kernel: tf.Tensor) -> tf.Tensor:
    """Returns x W1 of every repetition, [n, G, hidden]; see sparse_products.product."""
    features, (_, groups, hidden) = tf.shape(kernel)[0], kernel.shape
    matrix = _matrix(points, points.feature_values, features)
    result = tf.matmul(matrix, tf.reshape(kernel, [-1, groups * hidden]), transpose_a=True)
    return tf.reshape(result, [-1, groups, hidden])


def value_gradients(hidden_gradient: tf.Tensor, kernel: tf.Tensor, batch: SparseBatch) -> tf.Tensor:
    """Returns the gradient of a loss for the feature values, [nonzeros, G]; see fgsm.value_gradients."""
    every = tf.matmul(_by_repetition(kernel), _by_repetition(hidden_gradient), transpose_b=True)
    return tf.gather_nd(tf.transpose(every, [1, 2, 0]), _indices(batch))


def product_by_repetition(points: SparseBatch, values: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns x W1 for feature values that differ between repetitions; see sparse_products.product_by_repetition."""
    matrices = _matrices(points, values, tf.shape(kernel)[0])
    return _by_repetition(tf.matmul(matrices, _by_repetition(kernel), transpose_a=True))


def kernel_gradient(points: SparseBatch, entries: tf.RaggedTensor, gradient: tf.Tensor) -> tf.Tensor:
    """Returns the gradient of the kernel, [features, G, hidden]; see sparse_products.kernel_gradient."""
    _, groups, hidden = gradient.shape
    matrix = _matrix(points, points.feature_values, entries.nrows())
    result = tf.matmul(matrix, tf.reshape(gradient, [-1, groups * hidden]))
    return tf.reshape(result, [-1, groups, hidden])


def kernel_gradient_of_both(
    points: SparseBatch, entries: tf.RaggedTensor, perturbation: tf.Tensor, clean: tf.Tensor, attacked: tf.Tensor
) -> tf.Tensor:
    """Returns the gradient of the kernel through x W1 and (x + perturbation) W1; see sparse_products.kernel_gradient_of_both."""
    values = tf.broadcast_to(points.feature_values[:, None], tf.shape(perturbation))
    moved = tf.concat([_matrices(points, each, entries.nrows()) for each in (values, values + perturbation)], axis=2)
    both = tf.concat([_by_repetition(clean), _by_repetition(attacked)], axis=1)
    return _by_repetition(tf.matmul(moved, both))


def _matrix(points: SparseBatch, values: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Returns the matrix of a batch, [features, n], with other values."""
    shape = tf.stack([tf.cast(features, tf.int64), tf.size(points.row_splits, tf.int64) - 1])
    return tf.scatter_nd(_indices(points), values, shape)


def _matrices(points: SparseBatch, values: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Returns the matrices of a batch with values of each repetition, [nonzeros, G]: [G, features, n]."""
    shape = tf.stack([tf.cast(features, tf.int64), tf.size(points.row_splits, tf.int64) - 1, values.shape[1]])
    return tf.transpose(tf.scatter_nd(_indices(points), values, shape), [2, 0, 1])


def _indices(points: SparseBatch) -> tf.Tensor:
    """Returns the feature and the point of each entry, [nonzeros, 2].

    The search takes the place of classifier.point_of_entry, for which a GPU stops until it knows how long its result is.
    """
    entries = tf.range(tf.size(points.feature_ids, tf.int64))
    rows = tf.searchsorted(points.row_splits[1:], entries, side="right", out_type=tf.int64)
    return tf.stack([points.feature_ids, rows], axis=1)


def _by_repetition(values: tf.Tensor) -> tf.Tensor:
    """Swaps the first two axes: from [n, G, ...] to [G, n, ...], or back."""
    return tf.transpose(values, [1, 0, 2])
