"""The fast gradient sign method on sparse points (Goodfellow et al., 2015, equation in section 4)."""

from __future__ import annotations

import tensorflow as tf

from mach_tf.classifier import SparseBatch, point_of_entry

# Entries worked on together: their gathered rows of W1, two blocks of [chunk, hidden], should stay in the cache.
_CHUNK_FLOATS = 1 << 18


def fgsm(gradient: tf.Tensor, epsilon: float) -> tf.Tensor:
    """The perturbation of size epsilon, in the maximum norm, that increases a loss most to first order.

    Args:
      gradient: of the loss with respect to the input, any shape; where it is not finite or zero, nothing moves.
      epsilon: size of each coordinate's step.

    Returns:
      A constant (no gradient flows through it) of the gradient's shape and dtype.
    """
    finite = tf.where(tf.math.is_finite(gradient), gradient, tf.zeros_like(gradient))
    return tf.stop_gradient(epsilon * tf.sign(finite))


def value_gradients(hidden_gradient: tf.Tensor, kernel: tf.Tensor, batch: SparseBatch) -> tf.Tensor:
    """A loss' gradient with respect to the feature values, for repetitions side by side.

    The gradient for entry e, of point i and feature j, in repetition g is <hidden_gradient[i, g], kernel[j, g]>.
    TensorFlow's own gradient of a sparse product gathers two [nonzeros, hidden] tensors; here it is done in chunks.

    Args:
      hidden_gradient: float32 [n, G, hidden], of the loss with respect to x W1.
      kernel: W1, float32 [features, G, hidden].
      batch: n points.

    Returns:
      float32 [nonzeros, G].
    """
    groups, hidden = kernel.shape[1], tf.shape(kernel)[2]
    chunk = tf.maximum(1, _CHUNK_FLOATS // (groups * hidden))
    points = point_of_entry(batch.row_splits)
    entries = tf.size(points)

    def of_chunk(begin: tf.Tensor, gradients: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        inputs = tf.gather(hidden_gradient, points[begin : begin + chunk])
        rows = tf.gather(kernel, batch.feature_ids[begin : begin + chunk])
        return begin + chunk, gradients.write(begin // chunk, tf.reduce_sum(inputs * rows, axis=2))

    # One chunk at least, be it empty: run eagerly, TensorFlow cannot concatenate none.
    chunks = tf.maximum(1, (entries + chunk - 1) // chunk)
    gradients = tf.TensorArray(tf.float32, chunks, infer_shape=False, element_shape=[None, groups])
    _, gradients = tf.while_loop(lambda begin, _: begin < chunks * chunk, of_chunk, (0, gradients))
    return gradients.concat()
