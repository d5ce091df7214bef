"""The training step of mach_tf as the program runs it, and the same step by nested tapes and TensorFlow's own sparse product."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from mach_tf.buckets import BucketSpec
from mach_tf.classifier import SparseBatch
from mach_tf.fgsm import fgsm
from mach_tf.training import strategies
from mach_tf.training.model import RepetitionGroup
from mach_tf.training.optimizers import compiled_rows, factory
from mach_tf.training.training_batch import TrainingBatch, bucket_targets, replica_batches
from mach_tf.training_config import TrainingConfig
from mach_tf.variable_rows import gather_rows


class Training(NamedTuple):
    """A group in training.

    Attributes:
      model: the compiled group.
      start: starts the next step, on the next batch, and returns its losses by name, tensors [group], without waiting for them.
    """

    model: RepetitionGroup
    start: Callable[[], dict[str, tf.Tensor]]

    def step(self) -> dict[str, np.ndarray]:
        """Trains on the next batch, with the Keras train function that `fit` calls: the losses by name, float32 [group]."""
        return {name: loss.numpy() for name, loss in self.start().items()}


def step_function(
    setting: dict[str, Any], group: int, batches: list[dict[str, np.ndarray]], variant: str
) -> Callable[[], Any]:
    """Returns `Training.step`; the arguments are those of `training`."""
    return training(setting, group, batches, variant).step


def training(
    setting: dict[str, Any], group: int, batches: list[dict[str, np.ndarray]], variant: str, **changes: Any
) -> Training:
    """Returns a group in training, on one device: the first GPU or, without one, the CPU.

    Args:
      setting: shapes, one of settings.SETTINGS.
      group: the number of repetitions trained side by side.
      batches: ids and values, [points, features], and label ids [points, labels].
      variant: "b" or "alone": clean; "f": clean, with lazy_adam; "c": adversarial; "dense": adversarial with dense support;
        "d": adversarial with nested tapes.
      **changes: fields of TrainingConfig that differ from its defaults; `strategy`, the name of another strategy.
    """
    strategy = strategies.create(changes.pop("strategy", "one_device"))
    config = TrainingConfig(
        hidden_units=setting["hidden"],
        batch_size=setting["points"],
        epsilon=0.01,
        adversarial_weight=0.0 if variant in ("b", "f", "alone") else 1.0,
        optimizer="lazy_adam" if variant == "f" else TrainingConfig.optimizer,
        fgsm_support="dense" if variant == "dense" else "nonzero",
        **changes,
    )
    table = BucketSpec(setting["buckets"], group).table(1 + max(int(batch["label_ids"].max()) for batch in batches))
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        kind = _NestedTapes if variant == "d" else RepetitionGroup
        model = kind(config, setting["columns"], range(group), np.zeros((group, setting["buckets"]), np.float32))
        model.compile(optimizer=factory.create(config, setting["buckets"], 1000, replicas))

    columns = setting["columns"] if compiled_rows.chosen(config, replicas) else None

    def data(_: tf.distribute.InputContext) -> tf.data.Dataset:
        return replica_data(batches, table, replicas, columns).prefetch(tf.data.AUTOTUNE)

    train = model.make_train_function()
    iterator = iter(strategy.distribute_datasets_from_function(data, strategies.input_options(strategy)))
    return Training(model, lambda: train(iterator))


def replica_data(
    batches: list[dict[str, np.ndarray]], table: np.ndarray, replicas: int = 1, columns: Optional[int] = None
) -> tf.data.Dataset:
    """Returns the batches, over and over, as the training step takes them; see training_batch.replica_batches."""
    stacked = {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
    ragged = tf.data.Dataset.from_tensor_slices(stacked).map(
        lambda batch: {
            name: tf.RaggedTensor.from_tensor(value, row_splits_dtype=tf.int64) for name, value in batch.items()
        }
    )
    return replica_batches(ragged.repeat(), table, replicas, columns=columns)


class _NestedTapes(RepetitionGroup):
    """Computes the same losses without sharing work: an inner tape for the perturbation, an outer tape for the weights."""

    def losses_and_gradients(self, batch: TrainingBatch) -> tuple[dict[str, tf.Tensor], list[Any]]:
        targets, mask = bucket_targets(batch, self.buckets), self._dropout_mask(batch)
        kernel = gather_rows(self.hidden_kernel, batch.rows)
        upper = self._variables[1:]
        values = tf.repeat(batch.points.feature_values[:, None], len(self.repetitions), axis=1)

        def loss(entries: tf.Tensor) -> tf.Tensor:
            hidden_input = tf.stack(
                [
                    tf.sparse.sparse_dense_matmul(_matrix(batch.points, entries[:, g], kernel), kernel[:, g])
                    for g in range(len(self.repetitions))
                ],
                axis=1,
            )
            return self._loss(hidden_input, mask, targets, batch.global_points)

        with tf.GradientTape() as outer:
            outer.watch(kernel)
            clean = loss(values)
            with tf.GradientTape() as inner:
                inner.watch(values)
                attacked = loss(values)
            perturbation = fgsm(inner.gradient(attacked, values), self.config.epsilon)
            adversarial = loss(values + perturbation)
            total = clean + self.config.adversarial_weight * adversarial
        kernel_gradient, *gradients = outer.gradient(total, [kernel, *upper])
        return {"clean_loss": clean, "adversarial_loss": adversarial}, [
            self._of_rows(kernel_gradient, batch),
            *gradients,
        ]


def _matrix(points: SparseBatch, values: tf.Tensor, kernel: tf.Tensor) -> tf.SparseTensor:
    from mach_tf.classifier import point_of_entry

    indices = tf.stack([point_of_entry(points.row_splits), points.feature_ids], axis=1)
    shape = tf.stack([tf.size(points.row_splits, tf.int64) - 1, tf.shape(kernel, tf.int64)[0]])
    return tf.SparseTensor(indices, values, shape)
