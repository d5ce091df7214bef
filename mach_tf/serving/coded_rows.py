"""The rows of a matrix as a servable stores them by vector quantisation, and their decoding as a TensorFlow graph."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf.serving import vector_quantization

# Weights that share a byte in what the first codes miss: two bits per weight.
_FINE_LENGTH = 4


class CodedRows(tf.Module):
    """Coded rows; the first of them have two more bits per weight, which code what their other bits miss."""

    def __init__(self, rows: np.ndarray, length: int, refined: int):
        """Codes the rows.

        Args:
          rows: float32 [rows, columns].
          length: how many weights share a byte: 8 for one bit per weight, 4 for two.
          refined: how many rows, the first ones, have two more bits per weight.
        """
        super().__init__()
        coded = vector_quantization.encode(rows, length)
        self.coarse = _Layer(coded, rows.shape[1])
        missed = rows[:refined] - vector_quantization.decode(coded, rows.shape[1])[:refined]
        self.fine = _Layer(vector_quantization.encode(missed, _FINE_LENGTH), rows.shape[1])

    def rows(self, places: tf.Tensor) -> tf.Tensor:
        """Returns rows, float32 [n, columns]; `places` are int32 [n], and one behind the last row reads as zeros."""
        return self.coarse.rows(places) + self.fine.rows(places)


class _Layer(tf.Module):
    """Coded rows, and a last one that reads as zeros."""

    def __init__(self, coded: vector_quantization.Coded, columns: int):
        super().__init__()
        self._columns = columns
        self._count = len(coded.codes)
        self.codes = tf.Variable(np.pad(coded.codes, [(0, 1), (0, 0)]), trainable=False)
        self.scales = tf.Variable(np.pad(coded.scales, [(0, 1)]), trainable=False)
        self.codebook = tf.Variable(coded.codebook, trainable=False)

    def rows(self, places: tf.Tensor) -> tf.Tensor:
        places = tf.minimum(places, self._count)
        vectors = tf.gather(self.codebook, tf.cast(tf.gather(self.codes, places), tf.int32))
        rows = tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])[:, : self._columns]
        return rows * tf.gather(self.scales, places)[:, tf.newaxis]
