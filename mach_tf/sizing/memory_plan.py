"""How much memory and disk training will take, reckoned before it starts."""

from __future__ import annotations

import dataclasses

from mach_tf.training_config import TrainingConfig

FLOAT_BYTES = 4
_SLOTS = 2
# TensorFlow, its thread pools and the input pipeline's shuffle buffer, measured.
PROCESS_BYTES = 700 << 20


@dataclasses.dataclass(frozen=True)
class Shapes:
    """What memory depends on, besides the training settings.

    Attributes:
      columns: D.
      buckets: B.
      features: mean number of features a point.
      replicas: that share this machine's memory.
    """

    columns: int
    buckets: int
    features: float
    replicas: int = 1


@dataclasses.dataclass(frozen=True)
class MemoryPlan:
    """Bytes that training a group needs on one machine.

    Attributes:
      weights: of the group.
      slots: the optimizer's two moments.
      gradients: of a step.
      batch: activations and temporaries of a step.
      checkpoint: on disk.
      exported: on disk, of one repetition's SavedModel.
    """

    weights: int
    slots: int
    gradients: int
    batch: int
    checkpoint: int
    exported: int

    @property
    def total(self) -> int:
        """Main memory, with the process itself: 4.4 GB for the reference setting, where 3.8 were measured.

        The two copies of a repetition on its way to its SavedModel take the place of the moments, which are freed before.
        """
        return PROCESS_BYTES + self.weights + self.slots + self.gradients + self.batch


def plan(config: TrainingConfig, shapes: Shapes, group_size: int) -> MemoryPlan:
    """The bytes for a group of `group_size` repetitions side by side."""
    hidden, buckets, points = config.hidden_units, shapes.buckets, config.batch_size
    first_layer = shapes.columns * hidden
    upper = hidden + hidden * buckets + buckets
    # The rows of W1 that a batch touches: at most one for each feature present.
    touched = min(shapes.columns, int(points * shapes.features)) * hidden
    dense_first_layer = config.optimizer == "adam" or (config.adversarial and config.fgsm_support == "dense")
    passes = 2 if config.adversarial else 1
    # Rows gathered, their gradient, and a copy while gradients of several replicas are joined.
    gradients = (first_layer if dense_first_layer else 0) + touched * (passes + 1) + upper * passes
    # Logits, targets, their gradient and temporaries; hidden layers before and after each operation.
    activations = passes * points * (6 * buckets + 6 * hidden)
    each = FLOAT_BYTES * group_size
    weights = each * (first_layer + upper) * shapes.replicas
    return MemoryPlan(
        weights=weights,
        slots=_SLOTS * weights,
        gradients=each * gradients * (shapes.replicas if dense_first_layer else 1),
        batch=each * activations,
        checkpoint=(1 + _SLOTS) * each * (first_layer + upper),
        exported=FLOAT_BYTES * (first_layer + upper),
    )


def largest_group(config: TrainingConfig, shapes: Shapes, pending: int, available: int) -> int:
    """The most repetitions, at most `pending`, whose plan fits in `available` bytes; 0 when not even one does."""
    return next((n for n in range(pending, 0, -1) if plan(config, shapes, n).total <= available), 0)
