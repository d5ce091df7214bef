"""Estimates the memory and disk that a training needs, before it starts."""

from __future__ import annotations

import dataclasses

from mach_tf.training_config import TrainingConfig

FLOAT_BYTES = 4
# The optimizer's moments of each weight; with "rowwise" not those of W1.
_SLOTS = 2
# Copies of the bucket table: ours, one that is laid out label by label, and TensorFlow's.
_TABLES = 3
# TensorFlow, its thread pools and the shuffle buffer of the input pipeline, as measured.
PROCESS_BYTES = 700 << 20


@dataclasses.dataclass(frozen=True)
class Shapes:
    """The sizes that memory depends on, besides the training settings.

    Attributes:
      columns: D.
      buckets: B.
      features: the mean number of features per point.
      replicas: the number of replicas that share this machine's memory.
      labels: K; 0 leaves the bucket table out.
    """

    columns: int
    buckets: int
    features: float
    replicas: int = 1
    labels: int = 0


@dataclasses.dataclass(frozen=True)
class MemoryPlan:
    """The bytes that training a group needs on one machine.

    Attributes:
      weights: the weights of the group.
      tables: the group's rows of the bucket table, in main memory.
      slots: the optimizer's moments.
      gradients: the gradients of a step.
      batch: the activations and temporaries of a step.
      copies: the largest copy of weights before the first step and after the last: the initial values of a group before they are in
        its variables, or the two copies of a repetition that its SavedModel is written from.
      checkpoint: one checkpoint on disk.
      exported: the SavedModel of one repetition on disk.
    """

    weights: int
    tables: int
    slots: int
    gradients: int
    batch: int
    copies: int
    checkpoint: int
    exported: int

    @property
    def total(self) -> int:
        """Main memory in bytes, with the process itself: 4.4 GB for the reference setting, where 3.8 GB were measured.

        Copies of the weights are there before and after the steps alone, where the moments are not.
        """
        return PROCESS_BYTES + self.weights + self.tables + max(self.slots + self.gradients + self.batch, self.copies)


def plan(config: TrainingConfig, shapes: Shapes, group_size: int) -> MemoryPlan:
    """Returns the bytes for a group of `group_size` repetitions side by side."""
    hidden, buckets, points = config.hidden_units, shapes.buckets, config.batch_size
    first_layer = shapes.columns * hidden
    upper = hidden + hidden * buckets + buckets
    # The rows of W1 that a batch touches: at most one per feature present.
    touched = min(shapes.columns, int(points * shapes.features)) * hidden
    passes = 1
    if config.is_adversarial:
        passes = 3 if config.adversarial == "ibp" else 2
    # The gathered rows, their gradient, and a copy while the gradients of several replicas are joined.
    gradients = (first_layer if config.updates_all_rows else 0) + touched * (passes + 1) + upper * passes
    # Logits, targets, their gradient and temporaries; hidden layers before and after each operation.
    activations = passes * points * (6 * buckets + 6 * hidden)
    each = FLOAT_BYTES * group_size
    # One number for the weights of a feature, or two for each of them.
    slots = (shapes.columns if config.optimizer == "rowwise" else _SLOTS * first_layer) + _SLOTS * upper
    exported = FLOAT_BYTES * (first_layer + upper)
    return MemoryPlan(
        weights=each * (first_layer + upper) * shapes.replicas,
        tables=_TABLES * each * shapes.labels,
        slots=each * slots * shapes.replicas,
        gradients=each * gradients * (shapes.replicas if config.updates_all_rows else 1),
        batch=each * activations,
        # Of several, the draws of one are there twice more until they are scaled.
        copies=max((group_size + 2) * FLOAT_BYTES * first_layer if group_size > 1 else 0, 2 * exported),
        checkpoint=each * (first_layer + upper + slots),
        exported=exported,
    )


def largest_group(config: TrainingConfig, shapes: Shapes, pending: int, available: int) -> int:
    """Returns the largest number of repetitions, at most `pending`, that fits in `available` bytes; 0 if not even one does."""
    return next((n for n in range(pending, 0, -1) if plan(config, shapes, n).total <= available), 0)
