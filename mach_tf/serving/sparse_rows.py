"""The rows of a matrix without its entries of the smallest magnitude, and their decoding as a TensorFlow graph.

A bit per entry says which are kept; the values of these follow one another, row by row. So an entry takes a bit, and a kept one its value.
"""

from __future__ import annotations

from typing import Optional

import numpy as np
import tensorflow as tf


class SparseRows(tf.Module):
    """Rows with some of their entries, and a last one that reads as zeros.

    Attributes:
      kept: uint8 [rows + 1, columns / 8, rounded up]; bit i % 8 of byte i // 8 says whether entry i is kept.
      values: [kept entries], row by row.
      row_splits: int64 [rows + 2]; row i has the values row_splits[i]:row_splits[i + 1].
      scale: float32 [rows + 1], what the values of a row are multiplied by; None for nothing.
    """

    def __init__(self, rows: np.ndarray, kept: np.ndarray, scale: Optional[np.ndarray] = None):
        """Packs the entries that are kept.

        Args:
          rows: float32, float16 or int8 [rows, columns].
          kept: bool [rows, columns], which entries to keep; the others read as zeros.
          scale: float32 [rows]; None for nothing.
        """
        super().__init__()
        self._columns = rows.shape[1]
        splits = np.concatenate([[0], np.cumsum(np.count_nonzero(kept, axis=1))])
        bits = np.packbits(kept, axis=1, bitorder="little")
        self.kept = tf.Variable(np.pad(bits, [(0, 1), (0, 0)]), trainable=False)
        self.values = tf.Variable(rows[kept], trainable=False)
        self.row_splits = tf.Variable(np.append(splits, splits[-1]), trainable=False)
        self.scale = None if scale is None else tf.Variable(np.append(scale, np.float32(0)), trainable=False)

    def rows(self, places: tf.Tensor) -> tf.Tensor:
        """Returns rows, float32 [n, columns]; `places` are integers [n], and the one behind the last row reads as zeros."""
        bits = tf.gather(self.kept, places)[:, :, tf.newaxis]
        kept = tf.bitwise.bitwise_and(bits, tf.constant(1 << np.arange(8), tf.uint8)) > 0
        kept = tf.reshape(kept, [-1, 8 * self.kept.shape[1]])[:, : self._columns]
        found = tf.raw_ops.RaggedGather(
            params_nested_splits=[self.row_splits],
            params_dense_values=self.values,
            indices=places,
            OUTPUT_RAGGED_RANK=1,
        )
        values = tf.cast(found.output_dense_values, tf.float32)
        rows = tf.scatter_nd(tf.where(kept), values, tf.shape(kept, tf.int64))
        return rows if self.scale is None else rows * tf.gather(self.scale, places)[:, tf.newaxis]


def of_largest_magnitude(matrix: np.ndarray, prune: float) -> np.ndarray:
    """Returns which entries of a matrix have the largest magnitude, bool of its shape.

    Args:
      matrix: float32, 2-D, not empty.
      prune: the fraction of the entries to leave out, in [0, 1). Of equal magnitudes the first ones, row by row, are kept.
    """
    left_out = int(prune * matrix.size)
    magnitudes = np.abs(matrix).reshape(-1)
    threshold = np.partition(magnitudes, left_out)[left_out]
    kept = magnitudes > threshold
    tied = np.flatnonzero(magnitudes == threshold)
    kept[tied[: matrix.size - left_out - np.count_nonzero(kept)]] = True
    return kept.reshape(matrix.shape)
