"""The random draws of training: a stream for every repetition, purpose and step, whatever trains beside it and on however many devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import tensorflow as tf

from mach_tf.seeds import Purpose, derive
from mach_tf.training.training_batch import TrainingBatch


class RandomStreams:
    """The draws of repetitions side by side; each repetition's depend on the seed and its number alone."""

    def __init__(self, seed: int, repetitions: Sequence[int]):
        self._seed, self._repetitions = seed, tuple(repetitions)

    def initial(self, purpose: Purpose, shape: list[int], stddev: float, axis: int) -> tf.Tensor:
        """Returns normal draws of a shape for each repetition, stacked along an axis."""
        draws = [tf.random.stateless_normal(shape, stream, stddev=stddev) for stream in self._streams(purpose, 0)]
        return tf.stack(draws, axis)

    def dropout_mask(
        self, batch: TrainingBatch, units: int, size: int, probability: float, step: tf.Tensor
    ) -> tf.Tensor:
        """Returns float32 [n, G, units] of 0 and 1 / (1 - probability).

        Args:
          batch: n points.
          units: the number of hidden units.
          size: the number of points of a whole global batch.
          probability: that of a 0.
          step: the number of steps done.
        """
        first = batch.first_point
        last = first + tf.size(batch.points.row_splits, tf.int64) - 1
        uniform = [
            # Drawn for the whole global batch, so that a point has the same mask in every replica.
            tf.random.stateless_uniform([size, units], stream)[first:last]
            for stream in self._streams(Purpose.DROPOUT, step)
        ]
        return tf.cast(tf.stack(uniform, axis=1) >= probability, tf.float32) / (1 - probability)

    def noise(self, batch: TrainingBatch, step: tf.Tensor) -> tf.Tensor:
        """Returns uniform draws from [-1, 1) for the features present, float32 [nonzeros, G].

        Args:
          batch: the points.
          step: the number of steps done.
        """
        first = batch.first_entry
        last = first + tf.size(batch.points.feature_ids, tf.int64)
        shape = batch.global_entries[None]  # of the whole global batch, as for dropout
        streams = self._streams(Purpose.ADVERSARIAL_NOISE, step)
        return tf.stack([tf.random.stateless_uniform(shape, each, -1.0, 1.0)[first:last] for each in streams], axis=1)

    def _streams(self, purpose: Purpose, step: Union[int, tf.Tensor]) -> list[tf.Tensor]:
        """Returns the seed of each repetition's stream, int64 [2], different for every repetition, purpose and step."""
        keys = [derive(self._seed, repetition, purpose) for repetition in self._repetitions]
        return [tf.stack([tf.constant(key, tf.int64), tf.cast(step, tf.int64)]) for key in keys]
