"""The hashing and normalisation of raw features as a TensorFlow graph; the definitions are those of `FeatureSpec.apply`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mach_tf.classifier import SparseBatch, point_of_entry
from mach_tf.hashing import FeatureSpec


class HashedPoints(NamedTuple):
    """n points as the network sees them, and what each raw feature contributes.

    Attributes:
      batch: the hashed points; ids ascend within each point.
      columns: int64 [entries], the hashed feature of each raw entry.
      parts: float64 [entries], the part of that hashed feature's value that the raw entry makes up.
    """

    batch: SparseBatch
    columns: tf.Tensor
    parts: tf.Tensor


class RawFeatures(tf.Module):
    """Hashes and normalises raw features.

    The hashed id of every raw feature is a table: 4 bytes per raw feature, where the first layer has 4 bytes per hidden unit.
    """

    def __init__(self, spec: FeatureSpec, features: int):
        """Creates the tables.

        Args:
          spec: how features are hashed.
          features: number of raw features.
        """
        super().__init__()
        self.features = features
        self._spec = spec
        self._columns_count = spec.columns(features)
        if spec.dim:
            raw_ids = np.arange(features)
            self.table = tf.Variable(spec.ids(raw_ids).astype(np.int32), trainable=False)
            if spec.signed:
                self.signs = tf.Variable(spec.signs(raw_ids).astype(np.int8), trainable=False)

    def __call__(self, raw: SparseBatch) -> HashedPoints:
        """Hashes raw points, whose ids must be in [0, features). A feature that occurs twice in a point counts as their sum."""
        points = tf.size(raw.row_splits, tf.int64) - 1
        rows = point_of_entry(raw.row_splits)
        columns, values = raw.feature_ids, tf.cast(raw.feature_values, tf.float64)
        if self._spec.dim:
            columns = tf.cast(tf.gather(self.table, raw.feature_ids), tf.int64)
            if self._spec.signed:
                values *= tf.cast(tf.gather(self.signs, raw.feature_ids), tf.float64)
        keys = rows * self._columns_count + columns
        # Stable, so that the parts of a sum are added in the order of the input, as the library adds them.
        order = tf.argsort(keys, stable=True)
        distinct, group = tf.unique(tf.gather(keys, order))
        totals = tf.math.segment_sum(tf.gather(values, order), group)
        present = totals != 0
        distinct, totals = tf.boolean_mask(distinct, present), tf.boolean_mask(totals, present)
        of_point = distinct // self._columns_count
        scale = self._scale(tf.math.unsorted_segment_sum(totals**2, of_point, points))
        # Rounded before it is scaled, as in the library.
        rounded = tf.cast(tf.cast(totals, tf.float32), tf.float64)
        scaled = tf.cast(rounded * tf.gather(scale, of_point), tf.float32)
        row_splits = tf.searchsorted(of_point, tf.range(points + 1), out_type=tf.int64)
        batch = SparseBatch(row_splits, distinct % self._columns_count, scaled)
        return HashedPoints(batch, columns, values * tf.gather(scale, rows))

    def _scale(self, squares: tf.Tensor) -> tf.Tensor:
        if self._spec.norm != "l2":
            return tf.ones_like(squares)
        positive = squares > 0
        return tf.where(positive, 1 / tf.sqrt(tf.where(positive, squares, 1)), 1)


def summed(raw: SparseBatch, hashed: HashedPoints) -> tuple[SparseBatch, HashedPoints]:
    """Returns the same points with each raw feature once, ids ascending: a feature that occurs twice has the sum of its parts.

    Args:
      raw: n raw points.
      hashed: the same, hashed.
    """
    width = tf.reduce_max(tf.concat([raw.feature_ids, [0]], 0)) + 1
    keys = point_of_entry(raw.row_splits) * width + raw.feature_ids
    order = tf.argsort(keys, stable=True)
    distinct, group = tf.unique(tf.gather(keys, order))
    values, parts = (tf.math.segment_sum(tf.gather(each, order), group) for each in (raw.feature_values, hashed.parts))
    columns = tf.math.segment_max(tf.gather(hashed.columns, order), group)
    points = tf.size(raw.row_splits, tf.int64) - 1
    row_splits = tf.searchsorted(distinct // width, tf.range(points + 1), out_type=tf.int64)
    return SparseBatch(row_splits, distinct % width, values), hashed._replace(columns=columns, parts=parts)
