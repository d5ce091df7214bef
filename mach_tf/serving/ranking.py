"""Decoding as a TensorFlow graph: the scores of all labels, and the k best of them. Exact, to the last bit of `estimators.combine`.

Every label is scored. The sketch is laid out as [B, n], so that one read of the bucket table serves all points; 670,091 labels and 16
repetitions take 20 ms for one point and 6 ms per point for eight. The k best are chosen in two stages: the k blocks of labels with
the largest maxima hold the k best labels, so only those blocks are searched. Ties go to the smaller label in both.
"""

from __future__ import annotations

import tensorflow as tf

from mach_tf import estimators
from mach_tf.logit_scale import AS_THEY_ARE, LogitScale

_BLOCK = 512


def bucket_scores(logits: tf.Tensor, estimator: str) -> tf.Tensor:
    """Returns the values that an estimator combines, float32 of the same shape, as `estimators.bucket_scores` does."""
    if estimators.get(estimator).takes_logits:
        return logits
    small = tf.exp(-tf.abs(logits))
    return tf.where(logits >= 0, 1.0, small) / (1.0 + small)


def mean_scores(scores: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """Computes the mean bucket score of each label, in float32 and in the order of the repetitions.

    Args:
      scores: float32 [R, B, n], bucket scores.
      table: int32 [R, K], the bucket table.

    Returns:
      float32 [K, n].
    """
    repetitions = table.shape[0]
    # A loop keeps the order of the sum; a chain of additions would be rewritten as one sum in another order.
    _, total = tf.while_loop(
        lambda repetition, _: repetition < repetitions,
        lambda repetition, total: (repetition + 1, total + tf.gather(scores[repetition], table[repetition])),
        (1, tf.gather(scores[0], table[0])),
        parallel_iterations=1,
    )
    return total * (tf.constant(1, tf.float32) / tf.cast(repetitions, tf.float32))


def best_labels(scores: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the k best labels of each point, exactly; ties go to the smaller label.

    Args:
      scores: float32 [n, K].
      k: int32 scalar in [1, K].

    Returns:
      The scores, float32 [n, k], falling, and the labels, int64 [n, k].
    """
    labels = scores.shape[1]
    blocks = -(-labels // _BLOCK)
    padded = tf.pad(scores, [[0, 0], [0, blocks * _BLOCK - labels]], constant_values=-float("inf"))
    padded = tf.reshape(padded, [-1, blocks, _BLOCK])
    _, best = tf.math.top_k(tf.reduce_max(padded, axis=2), tf.minimum(k, blocks))
    best = tf.sort(best, axis=1)  # so that equal scores stay in the order of the labels
    within = tf.reshape(tf.gather(padded, best, batch_dims=1), [-1, tf.shape(best)[1] * _BLOCK])
    found, places = tf.math.top_k(within, k)
    found_labels = tf.gather(best, places // _BLOCK, batch_dims=1) * _BLOCK + places % _BLOCK
    return found, tf.cast(found_labels, tf.int64)


def reported(scores: tf.Tensor, estimator: str, buckets: int) -> tf.Tensor:
    """Returns label scores as they are shown to users, float32, as `estimators.reported` does."""
    if not estimators.get(estimator).debiased:
        return scores
    return (scores - 1.0 / buckets) * (buckets / (buckets - 1.0))


def probabilities(scores: tf.Tensor, estimator: str, buckets: int, logit_scale: LogitScale = AS_THEY_ARE) -> tf.Tensor:
    """Returns label scores on the scale of probabilities, float64, as `estimators.probabilities` does."""
    wide = tf.cast(scores, tf.float64)
    if estimators.get(estimator).takes_logits:
        return tf.sigmoid(logit_scale.log_odds(wide))
    return tf.maximum(wide - 1.0 / buckets, wide / 2) * (buckets / (buckets - 1.0))
