"""The paper's clean and adversarial loss: cross-entropy of the buckets, binary or of a softmax, each repetition attacked separately."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Callable

import numpy as np
import tensorflow as tf

from mach_tf import estimators
from mach_tf.attacks.attack_chunks import chunks
from mach_tf.attacks.input_gradient import AttackInput, attack_input
from mach_tf.fgsm import fgsm
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.saved_repetition import Repetition


@dataclasses.dataclass(frozen=True)
class BucketLoss:
    """The mean bucket loss of a network's points at one epsilon; 0 gives the clean loss."""

    epsilon: float
    loss: float

    def to_json(self) -> dict[str, float]:
        """Returns both values by name."""
        return dataclasses.asdict(self)


def bucket_cross_entropy(logits: np.ndarray, table: np.ndarray, points: Points, multiclass: bool = False) -> np.ndarray:
    """Returns each point's mean cross-entropy over repetitions, and over buckets if it is binary; its mean is the clean loss.

    Args:
      logits: float32 [n, R, B].
      table: int32 [R, K], the bucket table.
      points: n points; their labels determine which buckets are true.
      multiclass: whether the logits are of a softmax, and each point has one label.

    Returns:
      float64 [n].
    """
    # TensorFlow's function is stable and uses all cores; a NumPy version took most of an evaluation's time.
    if multiclass:
        losses = tf.nn.softmax_cross_entropy_with_logits(_bucket_targets(table, points, logits.shape[2]), logits)
        return tf.reduce_mean(losses, axis=1).numpy().astype(np.float64)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(_bucket_targets(table, points, logits.shape[2]), logits)
    return tf.reduce_mean(losses, axis=[1, 2]).numpy().astype(np.float64)


def bucket_losses(
    network: Network,
    points: Points,
    epsilons: Sequence[float],
    support: str = "nonzero",
    progress: Callable[[Sequence[range]], Iterable[range]] = iter,
) -> np.ndarray:
    """Returns the loss after FGSM on each repetition separately, which adversarial training minimises.

    Args:
      network: the network whose repetitions are attacked one by one, each through its own loss.
      points: hashed points with labels; at least one.
      epsilons: sizes of the perturbation; 0 gives the clean loss.
      support: "nonzero" or "dense".
      progress: wraps the chunks of points, for a progress bar.

    Returns:
      float64 [epsilons, n], means over buckets and repetitions.
    """
    rows_of_chunks = progress(chunks(len(points), [network], support))
    parts = [_losses_of_chunk(network, points[rows], epsilons, support) for rows in rows_of_chunks]
    return np.concatenate(parts, axis=1)


def _losses_of_chunk(network: Network, points: Points, epsilons: Sequence[float], support: str) -> np.ndarray:
    inputs = attack_input(points, network.manifest.columns, support)
    sums = np.zeros((len(epsilons), len(points)))
    for index, row in enumerate(network.bucket_table):
        # By index: a loop variable would keep one repetition in memory while the next is loaded.
        sums += _losses_of_repetition(network.repetitions[index], inputs, row[None], epsilons)
    return sums / len(network.bucket_table)


def _losses_of_repetition(
    repetition: Repetition, inputs: AttackInput, table: np.ndarray, epsilons: Sequence[float]
) -> np.ndarray:
    """Returns float64 [epsilons, n]; `table` is int32 [1, K]."""
    points, weights, multiclass = inputs.points, repetition.weights, repetition.multiclass
    of_clean, hidden_input = inputs.forward(weights, inputs.clean)
    logits = of_clean.numpy()
    shares = tf.nn.softmax(logits).numpy() if multiclass else estimators.sigmoid(logits)
    difference = shares - _bucket_targets(table, points, logits.shape[1])[:, 0]
    gradient = inputs.backward(weights, hidden_input, difference / (1 if multiclass else logits.shape[1]))
    losses = np.empty((len(epsilons), len(points)))
    for i, epsilon in enumerate(epsilons):
        attacked = logits
        if epsilon:
            attacked = inputs.forward(weights, inputs.clean + fgsm(gradient, epsilon).numpy())[0].numpy()
        losses[i] = bucket_cross_entropy(attacked[:, None], table, points, multiclass)
    return losses


def _bucket_targets(table: np.ndarray, points: Points, buckets: int) -> np.ndarray:
    """Returns float32 [n, R, B]: 1 in every bucket that holds a label of the point."""
    targets = np.zeros((len(points), len(table), buckets), np.float32)
    rows = np.repeat(np.arange(len(points)), np.diff(points.label_splits))
    targets[rows[:, None], np.arange(len(table)), table.T[points.label_ids]] = 1
    return targets
