"""The paper's clean and adversarial loss: binary cross-entropy of the buckets, each repetition attacked on its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable

import numpy as np
import tensorflow as tf

from mach_tf import estimators
from mach_tf.attacks.attack_chunks import chunks
from mach_tf.attacks.input_gradient import AttackInput, attack_input
from mach_tf.classifier import Weights
from mach_tf.fgsm import fgsm
from mach_tf.network import Network
from mach_tf.points import Points


def bucket_cross_entropy(logits: np.ndarray, table: np.ndarray, points: Points) -> np.ndarray:
    """Mean binary cross-entropy over buckets and repetitions, float64 [n]; its mean is the clean loss of the points.

    Args:
      logits: float32 [n, R, B].
      table: int32 [R, K].
      points: n points; their labels decide which buckets are true.
    """
    # TensorFlow's is stable too, and takes all cores: in NumPy this was most of an evaluation's time.
    losses = tf.nn.sigmoid_cross_entropy_with_logits(_bucket_targets(table, points, logits.shape[2]), logits)
    return tf.reduce_mean(losses, axis=[1, 2]).numpy().astype(np.float64)


def bucket_losses(
    ensemble: Network,
    points: Points,
    epsilons: Sequence[float],
    support: str = "nonzero",
    progress: Callable[[Sequence[range]], Iterable[range]] = iter,
) -> np.ndarray:
    """The loss after FGSM by each repetition on its own, as adversarial training sees it.

    Args:
      ensemble: whose repetitions are attacked one by one, each by its own loss.
      points: hashed, with labels; at least one.
      epsilons: sizes of the perturbation; 0 gives the clean loss.
      support: "nonzero" or "dense".
      progress: wraps the chunks of points, for a progress bar.

    Returns:
      float64 [epsilons, n], mean over buckets and repetitions.
    """
    rows_of_chunks = progress(chunks(len(points), [ensemble], support))
    parts = [_losses_of_chunk(ensemble, points[rows], epsilons, support) for rows in rows_of_chunks]
    return np.concatenate(parts, axis=1)


def _losses_of_chunk(ensemble: Network, points: Points, epsilons: Sequence[float], support: str) -> np.ndarray:
    inputs = attack_input(points, ensemble.manifest.columns, support)
    sums = np.zeros((len(epsilons), len(points)))
    for index, row in enumerate(ensemble.bucket_table):
        # By index: a variable would hold on to one repetition while the next is loaded.
        sums += _losses_of_repetition(ensemble.repetitions[index].weights, inputs, row[None], epsilons)
    return sums / len(ensemble.bucket_table)


def _losses_of_repetition(
    weights: Weights, inputs: AttackInput, table: np.ndarray, epsilons: Sequence[float]
) -> np.ndarray:
    """float64 [epsilons, n]; table is int32 [1, K]."""
    points = inputs.points
    logits = inputs.forward(weights, inputs.clean).numpy()
    difference = estimators.bucket_scores(logits, "mean") - _bucket_targets(table, points, logits.shape[1])[:, 0]
    gradient = inputs.backward(weights, inputs.clean, difference / logits.shape[1])
    losses = np.empty((len(epsilons), len(points)))
    for i, epsilon in enumerate(epsilons):
        attacked = logits
        if epsilon:
            attacked = inputs.forward(weights, inputs.clean + fgsm(gradient, epsilon).numpy()).numpy()
        losses[i] = bucket_cross_entropy(attacked[:, None], table, points)
    return losses


def _bucket_targets(table: np.ndarray, points: Points, buckets: int) -> np.ndarray:
    """float32 [n, R, B]: 1 in every bucket that one of the point's labels falls in."""
    targets = np.zeros((len(points), len(table), buckets), np.float32)
    rows = np.repeat(np.arange(len(points)), np.diff(points.label_splits))
    targets[rows[:, None], np.arange(len(table)), table.T[points.label_ids]] = 1
    return targets
