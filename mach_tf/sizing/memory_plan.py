"""Estimates the memory and disk that a training needs, before it starts."""

from __future__ import annotations

import dataclasses

from mach_tf.training_config import TrainingConfig

FLOAT_BYTES = 4
_SLOTS = 2
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
    """

    columns: int
    buckets: int
    features: float
    replicas: int = 1


@dataclasses.dataclass(frozen=True)
class MemoryPlan:
    """The bytes that training a group needs on one machine.

    Attributes:
      weights: the weights of the group.
      slots: the optimizer's two moments.
      gradients: the gradients of a step.
      batch: the activations and temporaries of a step.
      checkpoint: one checkpoint on disk.
      exported: the SavedModel of one repetition on disk.
    """

    weights: int
    slots: int
    gradients: int
    batch: int
    checkpoint: int
    exported: int

    @property
    def total(self) -> int:
        """Main memory in bytes, with the process itself: 4.4 GB for the reference setting, where 3.8 GB were measured.

        The two copies of a repetition that its SavedModel is written from take the memory of the moments, which are freed before.
        """
        return PROCESS_BYTES + self.weights + self.slots + self.gradients + self.batch


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
    weights = each * (first_layer + upper) * shapes.replicas
    return MemoryPlan(
        weights=weights,
        slots=_SLOTS * weights,
        gradients=each * gradients * (shapes.replicas if config.updates_all_rows else 1),
        batch=each * activations,
        checkpoint=(1 + _SLOTS) * each * (first_layer + upper),
        exported=FLOAT_BYTES * (first_layer + upper),
    )


def largest_group(config: TrainingConfig, shapes: Shapes, pending: int, available: int) -> int:
    """Returns the largest number of repetitions, at most `pending`, that fits in `available` bytes; 0 if not even one does."""
    return next((n for n in range(pending, 0, -1) if plan(config, shapes, n).total <= available), 0)
