"""Integrated Gradients of label scores from the zero baseline, exact, as a TensorFlow graph; for the estimator logit_mean.

The formulas are those of mach_tf.explanations.integrated_gradients.exact_attribution: along the path t x the pre-activation of a hidden
unit is b1 + t d with d = x W1, so the unit is active on one part of [0, 1], and the mean gradient of a bucket's logit for x_j is
sum_u W1[j, u] W2[u, bucket] (the part on which unit u is active).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from mach_tf.serving.stored_weights import StoredWeights


def active_part(bias: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    """Returns the part of the path on which each hidden unit is active.

    Args:
      bias: float [hidden], the pre-activations at the baseline.
      change: float [n, hidden], how much they change along the path.

    Returns:
      Of the type of `change`, [n, hidden], in [0, 1].
    """
    bias = tf.broadcast_to(bias, tf.shape(change))
    moves = change != 0
    switch = tf.clip_by_value(-bias / tf.where(moves, change, 1), 0, 1)
    part = tf.where(change < 0, switch, 1 - switch)
    return tf.where(moves, part, tf.cast(bias > 0, change.dtype))


def path_weights(weights: StoredWeights, hidden_input: tf.Tensor, buckets: tf.Tensor) -> tf.Tensor:
    """Returns W2[u, bucket] times the active part of unit u, float64 [n, k, hidden].

    Args:
      weights: one repetition's.
      hidden_input: float32 [n, hidden], x W1 of n points.
      buckets: int32 [n, k], the buckets to explain of each point.
    """
    active = active_part(tf.cast(weights.hidden_bias, tf.float64), tf.cast(hidden_input, tf.float64))
    distinct, places = tf.unique(tf.reshape(buckets, [-1]))
    columns = tf.cast(weights.output_kernel.columns(distinct), tf.float64)
    return tf.gather(columns, tf.reshape(places, tf.shape(buckets))) * active[:, tf.newaxis]


def attribute(
    weights: Sequence[StoredWeights], path_weights: Sequence[tf.Tensor], columns: tf.Tensor, parts: tf.Tensor
) -> tf.Tensor:
    """Attributes the labels of one point to its raw features.

    Args:
      weights: those of each repetition.
      path_weights: of each repetition, float64 [k, hidden], the point's part of what `path_weights` returns.
      columns: int64 [entries], the hashed feature of each raw feature of the point.
      parts: float64 [entries], as of HashedPoints.

    Returns:
      float64 [k, entries]; a row adds up to the label's score minus its score at zero.
    """
    gradients = tf.add_n(
        [
            tf.matmul(of_units, tf.cast(one.rows(columns), tf.float64), transpose_b=True)
            for one, of_units in zip(weights, path_weights)
        ]
    )
    return gradients * parts / len(weights)
