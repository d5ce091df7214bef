"""Feature dropout: leaves out random entries of the points, different ones at each step."""

from __future__ import annotations

from typing import Union

import tensorflow as tf


def drop_features(
    batches: tf.data.Dataset, probability: float, key: Union[int, tf.Tensor], first_step: Union[int, tf.Tensor] = 0
) -> tf.data.Dataset:
    """Leaves out each entry of each point with the given probability, and scales the others by 1 / (1 - probability).

    FGSM on the features present does not see an entry that is left out. The choice depends on the key and the step alone, so it
    is the same for every repetition, for any number of replicas, and after a restart.

    Args:
      batches: global batches as records.batches returns them: dicts of ragged `feature_ids`, `feature_values`, `label_ids`.
      probability: in [0, 1); 0 returns the batches unchanged.
      key: the seed of the epoch's random stream, derived from the training's seed and the epoch.
      first_step: the number of the first batch in the epoch.

    Returns:
      A dataset of the same structure.
    """
    if not probability:
        return batches

    def drop(step: tf.Tensor, batch: dict[str, tf.RaggedTensor]) -> dict[str, tf.RaggedTensor]:
        ids, values = batch["feature_ids"], batch["feature_values"].flat_values
        stream = tf.stack([tf.cast(key, tf.int64), step])
        kept = tf.random.stateless_uniform(tf.shape(values), stream) >= probability
        before = tf.cumsum(tf.concat([[0], tf.cast(kept, tf.int64)], axis=0))
        left = tf.RaggedTensor.from_row_splits(
            tf.boolean_mask(ids.flat_values, kept), tf.gather(before, ids.row_splits), validate=False
        )
        scaled = tf.boolean_mask(values, kept) / (1 - probability)
        return {**batch, "feature_ids": left, "feature_values": left.with_flat_values(scaled)}

    return batches.enumerate(first_step).map(drop, tf.data.AUTOTUNE, deterministic=True)
