"""The optimizer and learning rate that a configuration asks for."""

from __future__ import annotations

from typing import Union

import tensorflow as tf

from mach_tf.training.optimizers import compiled_rows
from mach_tf.training.optimizers.laprop import LazyLaProp
from mach_tf.training.optimizers.rowwise import RowwiseRMSProp
from mach_tf.training_config import TrainingConfig


def create(config: TrainingConfig, buckets: int, steps: int, replicas: int) -> tf.keras.optimizers.legacy.Optimizer:
    """Creates the optimizer; call it in the scope of its strategy.

    Args:
      config: the training settings.
      buckets: B; the loss is the mean over the buckets, so epsilon is divided by their number.
      steps: number of steps of the whole training.
      replicas: number of replicas; with several, the row indices of a gradient repeat.
    """
    rate, epsilon, unique = learning_rate(config, steps), config.optimizer_epsilon / buckets, replicas == 1
    if config.optimizer == "laprop":
        compiled = compiled_rows.chosen(config, replicas)
        return LazyLaProp(rate, epsilon=epsilon, unique_rows=unique, compiled=compiled)
    if config.optimizer == "rowwise":
        return RowwiseRMSProp(rate, epsilon=epsilon, unique_rows=unique)
    if config.optimizer == "lazy_adam":
        # Where tensorflow-addons is installed, its import takes 0.2 s.
        from mach_tf.training.optimizers.lazy_adam import ChunkedLazyAdam

        return ChunkedLazyAdam(rate, epsilon=epsilon, unique_rows=unique)
    return tf.keras.optimizers.legacy.Adam(rate, epsilon=epsilon)


def learning_rate(
    config: TrainingConfig, steps: int
) -> Union[float, tf.keras.optimizers.schedules.LearningRateSchedule]:
    """Returns the learning rate, a number or a schedule that reaches zero after all steps; see LazyLaProp for its meaning there."""
    if config.learning_rate_decay == "linear":
        return tf.keras.optimizers.schedules.PolynomialDecay(config.learning_rate, steps, 0.0)
    if config.learning_rate_decay == "cosine":
        return tf.keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    return config.learning_rate
