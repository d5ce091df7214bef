"""Sums of losses over the points of a batch, for each repetition, of those points alone that it learns from."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf


def cross_entropies(
    logits: tf.Tensor, targets: tf.Tensor, multiclass: bool, learned: Optional[tf.Tensor] = None
) -> tf.Tensor:
    """Returns the sums of the cross-entropies over points, and over buckets if they are binary, float32 [G].

    Args:
      logits, targets: float32 [G, n, B].
      multiclass: whether the probabilities of the buckets are a softmax.
      learned: as for `sums`.
    """
    if multiclass:
        return sums(tf.nn.softmax_cross_entropy_with_logits(targets, logits), learned)
    return sums(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), learned)


def sums(losses: tf.Tensor, learned: Optional[tf.Tensor] = None) -> tf.Tensor:
    """Returns the sum of each repetition's losses, float32 [G].

    Args:
      losses: float32 [G, n] or [G, n, B].
      learned: bool [G, n], whether a repetition learns from a point; the losses of others have no gradient. None for all points.
    """
    if learned is None:
        return tf.reduce_sum(losses, range(1, losses.shape.rank))
    of_points = tf.reduce_sum(losses, 2) if losses.shape.rank == 3 else losses
    return tf.reduce_sum(of_points * tf.cast(learned, losses.dtype), 1)
