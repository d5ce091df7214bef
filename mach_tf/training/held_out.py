"""Training points that half of the repetitions do not learn from, so that probabilities can be calibrated on them.

Which points, and from which half they are held out, is a hash of their features: it needs no list, is the same wherever a repetition is
trained, and equal points are held out together. The hash of a point is a sum over its features, of squares modulo a prime, of their numbers
and values, so that TensorFlow and NumPy compute the same integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mach_tf.points import Points
from mach_tf.seeds import Purpose, derive

# The halves: repetitions with an even and with an odd number. A point of no half is learned by all.
HALVES = 2
NO_HALF = -1
HALF = "half"
# Of products of numbers below 2^31, none exceeds int64.
_PRIME = 2**31 - 1


def half_of(repetition: int) -> int:
    """Returns the half that a repetition belongs to."""
    return repetition % HALVES


def halves(points: Points, fraction: float, seed: int) -> np.ndarray:
    """Returns the half that each point is held out from, int64 [n]; NO_HALF for most points, and for those without features.

    Args:
      points: hashed and normalised points, as shards hold them.
      fraction: the fraction of the points that are held out from one of the halves, in [0, 1].
      seed: the seed of the training.
    """
    bits = np.ascontiguousarray(points.feature_values, np.float32).view(np.int32).astype(np.int64)
    mixed = _mixed(points.feature_ids.astype(np.int64), bits, seed)
    sums = np.concatenate([[0], np.cumsum(mixed)])[points.row_splits]
    entries = np.diff(points.row_splits)
    return np.where((entries > 0) & _is_held_out(np.diff(sums), fraction), np.diff(sums) % HALVES, NO_HALF)


def marked(batches: tf.data.Dataset, fraction: float, seed: int) -> tf.data.Dataset:
    """Adds to each batch the half that each of its points is held out from, as `halves` computes it: int64 [n] under HALF.

    Args:
      batches: global batches as records.batches returns them, before anything changes their features.
      fraction, seed: as for `halves`; batches are left as they are if the fraction is 0.
    """
    if not fraction:
        return batches

    def mark(batch: dict[str, tf.RaggedTensor]) -> dict[str, Any]:
        ids, values = batch["feature_ids"], batch["feature_values"].flat_values
        mixed = _mixed(ids.flat_values, tf.cast(tf.bitcast(values, tf.int32), tf.int64), seed)
        sums = tf.reduce_sum(ids.with_flat_values(mixed), axis=1)
        held = (ids.row_lengths() > 0) & _is_held_out(sums, fraction)
        return {**batch, HALF: tf.where(held, sums % HALVES, NO_HALF)}

    return batches.map(mark, tf.data.AUTOTUNE, deterministic=True)


def learned(halves_of_points: tf.Tensor, repetitions: Sequence[int]) -> tf.Tensor:
    """Returns whether each of G repetitions learns from each of n points, bool [G, n].

    Args:
      halves_of_points: int64 [n], as of `halves`.
      repetitions: their numbers.
    """
    own = tf.constant([half_of(repetition) for repetition in repetitions], tf.int64)
    return halves_of_points[None, :] != own[:, None]


def _mixed(ids: Any, bits: Any, seed: int) -> Any:
    """Returns a number in [0, _PRIME) for each feature, int64, of arrays or tensors; sums of 2^32 of them fit into int64."""
    first, second, third, fourth = (1 + derive(seed, index, Purpose.HELD_OUT) % (_PRIME - 1) for index in range(4))
    mixed = ((ids % _PRIME) * first + bits % _PRIME * second % _PRIME) % _PRIME
    for factor in (third, fourth):
        mixed = (mixed * mixed % _PRIME * factor + first) % _PRIME
    return mixed


def _is_held_out(sums: Any, fraction: float) -> Any:
    # The lowest bit decides the half, so the others decide whether.
    return (sums % _PRIME) // HALVES < int(fraction * (_PRIME // HALVES))
