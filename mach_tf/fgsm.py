"""The fast gradient sign method (Goodfellow et al. 2015, section 4), and the gradient it needs on sparse points.

Training and attacks share both.
"""

from __future__ import annotations

import tensorflow as tf

from mach_tf import devices
from mach_tf.classifier import SparseBatch, point_of_entry

# Entries of a point whose rows of W1 are multiplied by the gradient of the point as one matrix.
_BLOCK = 8
# Floats of the rows that are gathered together. Measured: half as many are as fast, a quarter as slow as entry by entry.
_CHUNK_FLOATS = 1 << 20
_CHUNK_FLOATS_ON_GPU = 1 << 26


def fgsm(gradient: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Returns the perturbation, at most epsilon in the maximum norm, that increases a loss most to first order.

    Args:
      gradient: gradient of the loss with respect to the input, any shape. Where it is zero or not finite, nothing moves.
      epsilon: size of the step of each coordinate.

    Returns:
      A constant, through which no gradient flows, of the shape and dtype of the gradient.
    """
    finite = tf.where(tf.math.is_finite(gradient), gradient, tf.zeros_like(gradient))
    return tf.stop_gradient(epsilon * tf.sign(finite))


def value_gradients(hidden_gradient: tf.Tensor, kernel: tf.Tensor, batch: SparseBatch) -> tf.Tensor:
    """Computes the gradient of a loss with respect to the feature values, for repetitions side by side.

    The gradient for entry e, of point i and feature j, in repetition g is <hidden_gradient[i, g], kernel[j, g]>.
    TensorFlow's own gradient of a sparse product gathers two [nonzeros, hidden] tensors. Here the entries of each point are
    cut into blocks, the last one padded, and the rows of a chunk of blocks are multiplied by the gradients of their points
    at a time.

    Args:
      hidden_gradient: float32 [n, G, hidden], gradient of the loss with respect to x W1.
      kernel: W1, float32 [features, G, hidden].
      batch: n points.

    Returns:
      float32 [nonzeros, G].
    """
    groups, hidden = kernel.shape[1], tf.shape(kernel)[2]
    lengths = batch.row_splits[1:] - batch.row_splits[:-1]
    blocks = (lengths + _BLOCK - 1) // _BLOCK
    count, first_place = tf.reduce_sum(blocks), _BLOCK * tf.cumsum(blocks, exclusive=True)
    points = point_of_entry(batch.row_splits)
    places = tf.range(tf.size(points, tf.int64)) + tf.gather(first_place - batch.row_splits[:-1], points)
    features = tf.reshape(tf.scatter_nd(places[:, None], batch.feature_ids, [_BLOCK * count]), [-1, 1, _BLOCK])
    # Rows of the kernel seen as [features * G, hidden]; the padding of a block points at feature 0.
    kernel_rows = features * groups + tf.range(groups, dtype=tf.int64)[:, None]
    flat_kernel = tf.reshape(kernel, [-1, hidden])
    block_points = tf.repeat(tf.range(tf.size(blocks)), blocks)
    chunk_floats = _CHUNK_FLOATS_ON_GPU if devices.default_is_gpu() else _CHUNK_FLOATS
    chunk = tf.maximum(1, chunk_floats // (_BLOCK * groups * hidden))

    def of_chunk(begin: tf.Tensor, gradients: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        rows = tf.gather(flat_kernel, kernel_rows[begin : begin + chunk])
        inputs = tf.gather(hidden_gradient, block_points[begin : begin + chunk])
        return begin + chunk, gradients.write(begin // chunk, tf.linalg.matvec(rows, inputs))

    # At least one chunk, even if empty: TensorFlow cannot concatenate zero chunks eagerly.
    chunks = tf.maximum(1, (tf.cast(count, tf.int32) + chunk - 1) // chunk)
    gradients = tf.TensorArray(tf.float32, chunks, infer_shape=False, element_shape=[None, groups, _BLOCK])
    _, gradients = tf.while_loop(lambda begin, _: begin < chunks * chunk, of_chunk, (0, gradients))
    return tf.gather(tf.reshape(tf.transpose(gradients.concat(), [0, 2, 1]), [-1, groups]), places)
