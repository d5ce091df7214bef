"""A model directory with random weights, for benchmarks that need a model of a given size and not what it has learned."""

from __future__ import annotations

import os

import numpy as np


def write(
    model_dir: str, columns: int, labels: int, hidden: int, buckets: int, repetitions: int, seed: int = 0
) -> None:
    """Writes model.json and the SavedModels of the repetitions; features are not hashed.

    Args:
      model_dir: a directory, created if it does not exist.
      columns: D, the number of features.
      labels: K.
      hidden: the number of hidden units.
      buckets: B.
      repetitions: R.
      seed: the seed of the weights, which are the same on every machine.
    """
    import tensorflow as tf

    from mach_tf.buckets import BucketSpec
    from mach_tf.classifier import Weights
    from mach_tf.hashing import FeatureSpec
    from mach_tf.manifest import ModelManifest, repetition_directory
    from mach_tf.saved_repetition import export_repetition
    from mach_tf.training_config import TrainingConfig

    generator = np.random.default_rng(seed)
    config = TrainingConfig(hidden_units=hidden)
    spec = BucketSpec(buckets, repetitions)
    manifest = ModelManifest(columns, labels, FeatureSpec(0), spec, config, "none", {}, {})
    os.makedirs(model_dir, exist_ok=True)
    manifest.write(model_dir)

    def normal(*shape: int, deviation: float) -> tf.Tensor:
        return tf.constant(deviation * generator.standard_normal(shape, np.float32))

    for repetition in range(repetitions):
        weights = Weights(
            normal(columns, hidden, deviation=0.3),
            normal(hidden, deviation=0.1),
            normal(hidden, buckets, deviation=hidden**-0.5),
            normal(buckets, deviation=1.0),
        )
        export_repetition(repetition_directory(model_dir, repetition), weights, manifest.origin(repetition))
