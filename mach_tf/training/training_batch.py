"""From global batches of a dataset to what one replica's training step takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mach_tf.classifier import SparseBatch


class TrainingBatch(NamedTuple):
    """One replica's consecutive piece, n points, of a global batch; ready for rows of W1 gathered once each.

    Attributes:
      rows: int64 [unique], the feature ids of this piece, each once.
      points: the features; its feature_ids are positions in `rows`.
      entries: int32 [unique, (entries)], which of the points' entries are of each row.
      target_points: int64 [assignments], which point each target is of.
      target_buckets: int32 [assignments, G], the bucket of a label of that point in each repetition.
      first_point: int64 [], this piece's position in the global batch.
      global_points: int64 [], the global batch's number of points.
    """

    rows: tf.Tensor
    points: SparseBatch
    entries: tf.RaggedTensor
    target_points: tf.Tensor
    target_buckets: tf.Tensor
    first_point: tf.Tensor
    global_points: tf.Tensor


def replica_batches(
    batches: tf.data.Dataset, bucket_table: np.ndarray, replicas: int, pieces: range | None = None
) -> tf.data.Dataset:
    """Cuts each global batch into one consecutive piece a replica; a short batch leaves some pieces smaller or empty.

    Args:
      batches: dicts of ragged `feature_ids`, `feature_values`, `label_ids`, as records.batches gives.
      bucket_table: int32 [G, K], of the repetitions trained side by side.
      replicas: number of pieces of each batch.
      pieces: which of them to give, in order; all by default. A worker of several gives its own.

    Returns:
      Dataset of TrainingBatch, as many of each global batch as there are pieces.
    """
    table = tf.constant(np.ascontiguousarray(bucket_table.T))
    wanted = tf.constant(list(range(replicas) if pieces is None else pieces), tf.int64)

    # Converting its source, which has nothing to convert, takes as long as all else that an epoch's data need.
    @tf.autograph.experimental.do_not_convert
    def piece(batch: dict[str, tf.RaggedTensor], index: tf.Tensor) -> TrainingBatch:
        total = batch["feature_ids"].nrows()
        begin, end = index * total // replicas, (index + 1) * total // replicas
        ids, values, labels = (batch[name][begin:end] for name in ("feature_ids", "feature_values", "label_ids"))
        rows, positions, counts = tf.unique_with_counts(ids.values, tf.int64)
        return TrainingBatch(
            rows,
            SparseBatch(ids.row_splits, positions, values.values),
            tf.RaggedTensor.from_row_lengths(tf.argsort(positions, stable=True), counts, validate=False),
            labels.value_rowids(),
            tf.gather(table, labels.values),
            begin,
            total,
        )

    def pieces_of(batch: dict[str, tf.RaggedTensor]) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(wanted).map(lambda index: piece(batch, index))

    if len(wanted) == 1:
        return batches.map(lambda batch: piece(batch, wanted[0]), tf.data.AUTOTUNE, deterministic=True)
    return batches.flat_map(pieces_of)
