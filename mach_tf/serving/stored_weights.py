"""The weights of a repetition as a servable stores them: in float32, or smaller, and without the least rows and entries of W1.

float16 and int8 round every weight; int8 keeps round(w / scale) with one scale per row of W1 and per column of W2, the largest magnitude
of the row or column / 127. vq and vq1 store W1 by vector quantisation, and W2 in int8. Rows and entries that are pruned read as zeros. Biases stay
float32.
"""

from __future__ import annotations

from typing import Optional, Union

import numpy as np
import tensorflow as tf

from mach_tf import arguments
from mach_tf.choices import SERVABLE_WEIGHTS
from mach_tf.classifier import SparseBatch, Weights, sparse_product
from mach_tf.serving.coded_rows import CodedRows
from mach_tf.serving.row_places import RowPlaces
from mach_tf.serving.sparse_rows import SparseRows, of_largest_magnitude

FLOAT32, FLOAT16, INT8, VQ, VQ1 = SERVABLE_WEIGHTS
_LARGEST = 127
# By form: how many weights share a byte, and the part of the kept rows that have two more bits per weight, those with the largest norm:
# most entries of points are of their features.
CODED = {VQ: (4, 1 / 3), VQ1: (8, 1 / 10)}


class StoredMatrix(tf.Module):
    """A matrix in float32, float16 or int8."""

    def __init__(self, matrix: np.ndarray, precision: str, axis: int):
        """Rounds a matrix.

        Args:
          matrix: float32, 2-D.
          precision: FLOAT32, FLOAT16 or INT8.
          axis: with int8: 0 for one scale per row, 1 for one scale per column.
        """
        super().__init__()
        values, scale = rounded(matrix, precision, axis)
        self._axis = axis
        self.values = tf.Variable(values, trainable=False)
        self.scale = None if scale is None else tf.Variable(scale, trainable=False)

    def rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns rows, float32 [n, columns]; `ids` are integers [n]."""
        found = tf.cast(tf.gather(self.values, ids), tf.float32)
        if self.scale is None or self._axis != 0:
            return self._scaled(found)
        return found * tf.gather(self.scale, ids)[:, tf.newaxis]

    def columns(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns columns as rows, float32 [n, rows]; `ids` are integers [n] and `axis` is 1."""
        found = tf.cast(tf.transpose(tf.gather(self.values, ids, axis=1)), tf.float32)
        return found if self.scale is None else found * tf.gather(self.scale, ids)[:, tf.newaxis]

    def product(self, left: tf.Tensor) -> tf.Tensor:
        """Multiplies float32 [n, rows] by the matrix, whose `axis` is 1: float32 [n, columns]."""
        return self._scaled(tf.matmul(left, tf.cast(self.values, tf.float32)))

    def transposed_product(self, left: tf.Tensor) -> tf.Tensor:
        """Multiplies float32 [n, columns] by the transposed matrix, whose `axis` is 1: float32 [n, rows]."""
        return tf.matmul(self._scaled(left), tf.cast(self.values, tf.float32), transpose_b=True)

    def _scaled(self, columns: tf.Tensor) -> tf.Tensor:
        return columns if self.scale is None else columns * self.scale


def rounded(matrix: np.ndarray, precision: str, axis: int) -> tuple[np.ndarray, Optional[np.ndarray]]:
    """Returns a matrix in a precision, and what its rows or columns are multiplied by; arguments as of StoredMatrix."""
    if precision != INT8:
        return matrix.astype(precision, copy=False), None
    scale = int8_scale(np.abs(matrix).max(axis=1 - axis, initial=0, keepdims=True))
    return np.rint(matrix / scale).astype(np.int8), scale.reshape(-1)


def int8_scale(largest: np.ndarray) -> np.ndarray:
    """Returns what int8 weights are multiplied by, float32, from the largest magnitude of the weights that share a scale."""
    return np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(_LARGEST)


class StoredWeights(tf.Module):
    """The weights of one repetition."""

    def __init__(
        self,
        weights: Weights,
        precision: str = FLOAT32,
        places: Optional[RowPlaces] = None,
        prune_entries: float = 0.0,
    ):
        """Rounds and prunes the weights.

        Args:
          weights: they are copied.
          precision: one of choices.SERVABLE_WEIGHTS.
          places: which rows of W1 to keep, and in which order; None keeps all, in their order.
          prune_entries: the fraction of the entries of these rows to leave out, in [0, 1); 0 with vq and vq1.
        """
        super().__init__()
        arguments.choice(precision, "weights", SERVABLE_WEIGHTS)
        kernel, hidden_bias, output_kernel, output_bias = (np.asarray(each) for each in weights)
        self.places = places
        self.hidden_kernel: Union[StoredMatrix, CodedRows, SparseRows]
        if places is not None:
            kernel = kernel[places.kept]
        if precision in CODED:
            length, refined = CODED[precision]
            self.hidden_kernel = CodedRows(kernel, length, int(refined * len(kernel)))
        elif prune_entries:
            values, scale = rounded(kernel, precision, 0)
            self.hidden_kernel = SparseRows(values, of_largest_magnitude(kernel, prune_entries), scale)
        else:
            # The place behind the kept rows is that of all rows that are left out.
            self.hidden_kernel = StoredMatrix(
                kernel if places is None else np.pad(kernel, [(0, 1), (0, 0)]), precision, 0
            )
        self.output_kernel = StoredMatrix(output_kernel, INT8 if precision in CODED else precision, 1)
        self.hidden_bias = tf.Variable(hidden_bias, trainable=False)
        self.output_bias = tf.Variable(output_bias, trainable=False)

    def rows(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns the rows of W1 of hashed features, float32 [n, hidden]."""
        return self.hidden_kernel.rows(columns if self.places is None else tf.gather(self.places.places, columns))

    def hidden_input(self, batch: SparseBatch) -> tf.Tensor:
        """Computes x W1, float32 [n, hidden], to the last bit as `classifier.sparse_product` does with the same weights."""
        columns, local = tf.unique(batch.feature_ids, tf.int64)
        return sparse_product(batch._replace(feature_ids=local), self.rows(columns))

    def logits(self, hidden_input: tf.Tensor) -> tf.Tensor:
        """Computes the bucket logits, float32 [n, buckets], from x W1."""
        return self.output_kernel.product(tf.nn.relu(hidden_input + self.hidden_bias)) + self.output_bias

    def hidden_gradient(self, hidden_input: tf.Tensor, logit_gradient: tf.Tensor) -> tf.Tensor:
        """Computes the gradient for x W1, float32 [n, hidden], from that for the bucket logits, float32 [n, buckets]."""
        gradient = self.output_kernel.transposed_product(logit_gradient)
        return tf.raw_ops.ReluGrad(gradients=gradient, features=hidden_input + self.hidden_bias)
