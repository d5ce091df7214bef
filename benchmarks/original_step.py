"""The original formulation of a clean training step: the sparse product on all of W1, and dense Adam."""

from __future__ import annotations

import itertools
from typing import Any, Callable

import numpy as np
import tensorflow as tf

from mach_tf.buckets import BucketSpec


def step_function(setting: dict[str, Any], group: int, batches: list[dict[str, np.ndarray]]) -> Callable[[], Any]:
    """Returns a function that trains each repetition on the next batch, one after the other, as the original code is run.

    Args:
      setting: shapes, one of settings.SETTINGS.
      group: the number of repetitions.
      batches: ids and values, [points, features], and label ids [points, labels].

    Returns:
      A function that returns the losses of the repetitions before the step, floats [group].
    """
    columns, hidden, buckets, points = (setting[name] for name in ("columns", "hidden", "buckets", "points"))
    table = BucketSpec(buckets, group).table(1 + max(int(batch["label_ids"].max()) for batch in batches))

    def normal(*shape: int) -> tf.Variable:
        return tf.Variable(tf.random.normal(shape, stddev=0.05))

    classifiers = []
    for _ in range(group):
        variables = [normal(columns, hidden), normal(hidden), normal(hidden, buckets), normal(buckets)]
        optimizer = tf.keras.optimizers.legacy.Adam(0.001)
        optimizer._create_all_weights(variables)
        classifiers.append((variables, optimizer))

    def train(features: tf.SparseTensor, targets: tf.Tensor, variables: list[tf.Variable], optimizer: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            hidden_layer = tf.nn.relu(tf.sparse.sparse_dense_matmul(features, variables[0]) + variables[1])
            logits = hidden_layer @ variables[2] + variables[3]
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    # One function per repetition is intended; TensorFlow warns of a function that is traced again and again.
    tf.get_logger().setLevel("ERROR")
    steps = [tf.function(lambda x, y, v=v, o=o: train(x, y, v, o)) for v, o in classifiers]

    def prepare(batch: dict[str, np.ndarray]) -> tuple[tf.SparseTensor, list[tf.Tensor]]:
        rows = np.repeat(np.arange(points), batch["feature_ids"].shape[1])
        indices = np.stack([rows, batch["feature_ids"].ravel()], axis=1)
        targets = np.zeros((group, points, buckets), np.float32)
        for repetition in range(group):
            np.put_along_axis(targets[repetition], table[repetition][batch["label_ids"]], 1, axis=1)
        features = tf.SparseTensor(indices, batch["feature_values"].ravel(), [points, columns])
        return features, [tf.constant(target) for target in targets]

    inputs = itertools.cycle([prepare(batch) for batch in batches])

    def step() -> list[float]:
        features, targets = next(inputs)
        return [float(run(features, target)) for run, target in zip(steps, targets)]

    return step
