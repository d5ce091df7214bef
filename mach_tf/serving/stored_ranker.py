"""A model's ranker as a TensorFlow graph: max(0, w_l . x) of labels, with the weights stored by hashed feature.

Weights are stored in float32 or float16, or, where those of the ensemble take a byte or less, in int8 with one scale per label. A product
is the sum of its parts in float32 and in the order of the point's features, as the library adds them, so that with float32 weights it has
the library's bits and equal scores stay equal. The weights of a point's features are read a few features at a time: what is in memory
together has the size of the scores of all labels, however many features a point has.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from mach_tf.classifier import SparseBatch, point_of_entry
from mach_tf.ranker.ranker import Ranker
from mach_tf.serving.raw_features import HashedPoints
from mach_tf.serving.stored_weights import FLOAT16, FLOAT32, INT8, int8_scale

# Weights that are read at a time, but at least those of one feature, which has at most one per label.
_WEIGHTS_AT_ONCE = 1 << 20

_Step = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def precision_beside(form: str) -> str:
    """Returns in which form the weights of a ranker are stored beside those of an ensemble: float32, float16 or int8."""
    return form if form in (FLOAT32, FLOAT16) else INT8


class StoredRanker(tf.Module):
    """The weights of a ranker.

    Attributes:
      row_splits: int64 [D + 1]; feature j has the entries row_splits[j]:row_splits[j + 1].
      labels: uint16 [entries], ascending for each feature; int32 if there are more labels than that has numbers.
      weights: float32, float16 or int8 [entries].
      scale: float32 [K], what int8 weights are multiplied by; None for others.
      weight: that of the ranker in label scores, as of `Ranker`.
    """

    def __init__(self, ranker: Ranker, precision: str = FLOAT32):
        """Copies or rounds the weights of a ranker, which has at least one.

        Args:
          ranker: the ranker.
          precision: FLOAT32, FLOAT16, or INT8 with one scale per label.
        """
        super().__init__()
        self.weight = ranker.weight
        by_feature = ranker.by_column
        self._labels_count = by_feature.shape[1]
        # The steps of a binary search among the labels of a feature.
        self._halvings = int(np.diff(by_feature.indptr).max()).bit_length()
        self._at_once = max(_WEIGHTS_AT_ONCE, self._labels_count)
        self.row_splits = tf.Variable(by_feature.indptr.astype(np.int64), trainable=False)
        of_label = np.uint16 if self._labels_count <= 1 << 16 else np.int32
        self.labels = tf.Variable(by_feature.indices.astype(of_label), trainable=False)
        weights, self.scale = by_feature.data, None
        if precision == FLOAT16:
            weights = weights.astype(np.float16)
        elif precision == INT8:
            scale = int8_scale(abs(ranker.weights).max(axis=1).toarray().reshape(-1))
            weights = np.rint(weights / scale[by_feature.indices]).astype(np.int8)
            self.scale = tf.Variable(scale, trainable=False)
        self.weights = tf.Variable(weights, trainable=False)

    @property
    def float32_bytes(self) -> int:
        """The size of the weights in float32, with their labels in int32 and what tells their features."""
        return 8 * (self.weights.shape[0] + self.row_splits.shape[0])

    def points_at_once(self, batch: SparseBatch) -> tf.Tensor:
        """Returns how many of the hashed points, any of them, have weights that may be in memory together, int32, at least 1."""
        splits = tf.gather(self._ends(batch.feature_ids), batch.row_splits)
        most = tf.reduce_max(tf.concat([[1], splits[1:] - splits[:-1]], 0))
        return tf.maximum(1, tf.cast(self._at_once // most, tf.int32))

    def products(self, batch: SparseBatch) -> tf.Tensor:
        """Returns w_l . x of all labels, float32 [n, K], of hashed points: one, or at most `points_at_once`."""
        points = tf.size(batch.row_splits) - 1
        features, values = (each[batch.row_splits[0] : batch.row_splits[-1]] for each in batch[1:])
        firsts = tf.cast(point_of_entry(batch.row_splits), tf.int32) * self._labels_count
        count = points * self._labels_count

        def add(total: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
            # What was added before comes first, so that the order of the sum does not depend on the steps.
            bins = tf.concat([tf.range(tf.size(total)), tf.gather(firsts, places) + labels], 0)
            found = tf.raw_ops.RaggedBincount(
                splits=tf.stack([0, tf.size(bins, tf.int64)]),
                values=bins,
                size=count,
                weights=tf.concat([total, tf.gather(values, places) * weights], 0),
            )
            return tf.reshape(found, [count])

        total = self._fold(features, add, tf.zeros([0]))
        return tf.reshape(tf.pad(total, [[0, count - tf.size(total)]]), [points, self._labels_count])

    def gradient(self, features: tf.Tensor, of_products: tf.Tensor) -> tf.Tensor:
        """Returns the gradient of a loss for the values of one point's features, float32 [m].

        Args:
          features: int64 [m].
          of_products: float32 [K], the gradient of the loss for the products.
        """
        count = tf.size(features)

        def add(total: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
            parts = weights * tf.gather(of_products, labels)
            return total + tf.math.unsorted_segment_sum(parts, places, count)

        return self._fold(features, add, tf.zeros([count]))

    def added(self, batch: SparseBatch) -> tf.Tensor:
        """Returns what is added to the scores of all labels, float32 [n, K]; points as for `products`."""
        return tf.nn.relu(self.products(batch))

    def added_to(self, batch: SparseBatch, labels: tf.Tensor) -> tf.Tensor:
        """Returns what is added to the scores of some labels, int64 [n, k]: float32 [n, k], to the last bit as `added` does."""
        rows = point_of_entry(batch.row_splits)
        parts = self.weights_of(batch.feature_ids, tf.gather(labels, rows)) * batch.feature_values[:, tf.newaxis]
        return tf.nn.relu(tf.math.unsorted_segment_sum(parts, rows, tf.shape(labels)[0]))

    def attributions(self, row_splits: tf.Tensor, hashed: HashedPoints, labels: tf.Tensor) -> tf.Tensor:
        """Attributes what is added to the scores of labels to raw features: w_l times the feature's part, where w_l . x is above 0.

        These are exact Integrated Gradients from the zero baseline, as w_l . x keeps its sign along the path.

        Args:
          row_splits: int64 [n + 1], those of the raw points.
          hashed: the same points; `columns` and `parts` are of the raw entries.
          labels: int64 [n, k].

        Returns:
          float64 [raw entries, k].
        """
        rows = point_of_entry(row_splits)
        weights = tf.cast(self.weights_of(hashed.columns, tf.gather(labels, rows)), tf.float64)
        parts = weights * hashed.parts[:, tf.newaxis]
        products = tf.math.unsorted_segment_sum(parts, rows, tf.shape(labels)[0])
        return tf.where(tf.gather(products > 0, rows), parts, 0)

    def weights_of(self, features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Looks up the weights of labels for hashed features.

        Args:
          features: int64 [m].
          labels: int64 [m, k], labels for each feature.

        Returns:
          float32 [m, k], 0 where none is stored.
        """
        wanted, last = tf.cast(labels, tf.int32), tf.size(self.labels, tf.int64) - 1
        ends = tf.broadcast_to(tf.gather(self.row_splits, features + 1)[:, tf.newaxis], tf.shape(labels, tf.int64))
        begins = tf.broadcast_to(tf.gather(self.row_splits, features)[:, tf.newaxis], tf.shape(labels, tf.int64))

        def halve(step: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            middle = (low + high) // 2
            at_middle = tf.cast(tf.gather(self.labels, tf.minimum(middle, last)), tf.int32)
            above = (low < high) & (at_middle < wanted)
            return step + 1, tf.where(above, middle + 1, low), tf.where(above, high, middle)

        _, places, _ = tf.while_loop(lambda step, low, high: step < self._halvings, halve, (0, begins, ends))
        safe = tf.minimum(places, last)
        found = (places < ends) & (tf.cast(tf.gather(self.labels, safe), tf.int32) == wanted)
        return tf.where(found, self._decoded(tf.gather(self.weights, safe), wanted), 0)

    def _fold(self, features: tf.Tensor, add: _Step, initial: tf.Tensor) -> tf.Tensor:
        """Folds the weights of features, a few features at a time.

        Args:
          features: int64 [m].
          add: maps a result, the labels and the weights of entries, and the places of their features to the next result.
          initial: 1-D.
        """
        ends = self._ends(features)

        def some(begin: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            end = tf.searchsorted(ends, [ends[begin] + self._at_once], "right")[0] - 1
            labels, stored = (self._read(each, features[begin:end]) for each in (self.labels, self.weights))
            labels = tf.cast(labels, tf.int32)
            weights = self._decoded(stored, labels)
            entries = ends[begin] + tf.range(tf.size(labels, tf.int64))
            return end, add(total, labels, weights, tf.searchsorted(ends, entries, "right") - 1)

        count = tf.size(features)
        shapes = (tf.TensorShape([]), tf.TensorShape([None]))
        _, total = tf.while_loop(
            lambda begin, _: begin < count, some, (0, initial), shape_invariants=shapes, parallel_iterations=1
        )
        return total

    def _decoded(self, stored: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns weights of labels, float32, from their stored form."""
        weights = tf.cast(stored, tf.float32)
        return weights if self.scale is None else weights * tf.gather(self.scale, labels)

    def _ends(self, features: tf.Tensor) -> tf.Tensor:
        """Returns how many weights the first i of m features have together, int64 [m + 1]."""
        lengths = tf.gather(self.row_splits, features + 1) - tf.gather(self.row_splits, features)
        return tf.concat([[0], tf.cumsum(lengths)], 0)

    def _read(self, entries: tf.Variable, features: tf.Tensor) -> tf.Tensor:
        """Returns the entries of features, one after the other."""
        found = tf.raw_ops.RaggedGather(
            params_nested_splits=[self.row_splits],
            params_dense_values=entries,
            indices=features,
            OUTPUT_RAGGED_RANK=1,
        )
        return found.output_dense_values
