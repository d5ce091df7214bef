"""FGSM that may change every coordinate, absent features included: two products with all of W1, in blocks of its rows."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mach_tf.fgsm import fgsm
from mach_tf.variable_rows import gather_rows

# Floats per block of rows of W1.
_BLOCK_FLOATS = 1 << 22


class DenseShift(NamedTuple):
    """The effect of a dense perturbation on the first layer.

    Attributes:
      shift: the perturbation times W1, float32 [n, G, hidden]; a constant for the gradient.
      signs: int8, one [rows of the block, n, G] per block: the perturbation divided by epsilon, in a quarter of its memory.
    """

    shift: tf.Tensor
    signs: tf.TensorArray


def dense_shift(hidden_gradient: tf.Tensor, kernel: tf.Variable, epsilon: float) -> DenseShift:
    """Returns the dense FGSM perturbation of x, and how it shifts x W1.

    Args:
      hidden_gradient: float32 [n, G, hidden], the gradient of the loss with respect to x W1.
      kernel: W1, [D, G, hidden].
      epsilon: the size of the perturbation.
    """
    columns, block = kernel.shape[0], _block(kernel)

    def of_block(begin: tf.Tensor, shift: tf.Tensor, signs: tf.TensorArray) -> tuple:
        rows = gather_rows(kernel, tf.range(begin, tf.minimum(begin + block, columns)))
        sign = fgsm(tf.einsum("ngh,kgh->kng", hidden_gradient, rows), 1.0)
        shift += tf.einsum("kng,kgh->ngh", sign, rows)
        return begin + block, shift, signs.write(begin // block, tf.cast(sign, tf.int8))

    signs = tf.TensorArray(
        tf.int8, -(-columns // block), infer_shape=False, element_shape=[None, None, kernel.shape[1]]
    )
    state = (tf.constant(0), tf.zeros_like(hidden_gradient), signs)
    _, shift, signs = tf.while_loop(lambda begin, *_: begin < columns, of_block, state, parallel_iterations=1)
    return DenseShift(tf.stop_gradient(epsilon * shift), signs)


def whole_kernel_gradient(
    dense: DenseShift, shift_gradient: tf.Tensor, sparse: tf.IndexedSlices, kernel: tf.Variable, epsilon: float
) -> tf.Tensor:
    """Returns the whole gradient of W1: the dense one through the shift plus the sparse one through x.

    Args:
      dense: what `dense_shift` returned.
      shift_gradient: float32 [n, G, hidden], the gradient of the loss with respect to the shift.
      sparse: the gradient for the features present; its indices are unique.
      kernel: W1, [D, G, hidden].
      epsilon: the size given to `dense_shift`.

    Returns:
      float32 [D, G, hidden].
    """
    columns, block = kernel.shape[0], _block(kernel)
    count = -(-columns // block)

    def of_block(index: tf.Tensor, gradients: tf.TensorArray) -> tuple:
        sign = tf.cast(dense.signs.read(index), tf.float32)
        return index + 1, gradients.write(index, epsilon * tf.einsum("kng,ngh->kgh", sign, shift_gradient))

    gradients = tf.TensorArray(tf.float32, count, infer_shape=False, element_shape=[None, *kernel.shape[1:]])
    _, gradients = tf.while_loop(lambda index, _: index < count, of_block, (0, gradients), parallel_iterations=1)
    whole = tf.ensure_shape(gradients.concat(), kernel.shape)
    return tf.tensor_scatter_nd_add(whole, sparse.indices[:, None], sparse.values)


def _block(kernel: tf.Variable) -> int:
    """Returns the number of rows per block."""
    return max(1, min(kernel.shape[0], _BLOCK_FLOATS // (kernel.shape[1] * kernel.shape[2])))
