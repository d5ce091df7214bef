"""Searches for the perturbation of adversarial training: N-FGSM and PGD on the features that are present.

Both ask for gradients of the clean loss at perturbed points; FGSM (mach_tf/fgsm.py) needs only the one at the clean point.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from mach_tf.fgsm import fgsm

# The gradient of the loss with respect to the feature values, [nonzeros, G], at the clean values plus a perturbation.
GradientAt = Callable[[tf.Tensor], tf.Tensor]

# The noise of N-FGSM in multiples of epsilon, as de Jorge et al. recommend.
NOISE = 2.0
# The length of all steps of PGD together in multiples of epsilon: the border is reached from anywhere in the ball.
_PATH = 2.5


def n_fgsm(noise: tf.Tensor, gradient_at: GradientAt, epsilon: float) -> tf.Tensor:
    """Returns the perturbation of N-FGSM: one step from a random point, which is not clipped to the ball.

    de Jorge et al. 2022, "Make some noise: reliable and efficient single-step adversarial training", algorithm 1.

    Args:
      noise: float32 [nonzeros, G], uniform draws from [-1, 1).
      gradient_at: computes the gradient.
      epsilon: the size of the step; the noise is NOISE times as large.

    Returns:
      float32 [nonzeros, G], at most (1 + NOISE) epsilon in magnitude; no gradient flows through it.
    """
    start = NOISE * epsilon * noise
    return tf.stop_gradient(start + fgsm(gradient_at(start), epsilon))


def pgd(gradient: tf.Tensor, gradient_at: GradientAt, epsilon: float, steps: int) -> tf.Tensor:
    """Returns the perturbation of projected gradient ascent from the clean point; with one step it is that of FGSM.

    Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks", equation 3, but without a random start: the
    gradient at the clean point is already known, so `steps` steps need `steps - 1` more gradients.

    Args:
      gradient: float32 [nonzeros, G], the gradient at the clean point.
      gradient_at: computes the gradient elsewhere.
      epsilon: the largest change of a value.
      steps: the number of steps, at least 1.

    Returns:
      float32 [nonzeros, G]; no gradient flows through it.
    """
    size = _PATH * epsilon / steps

    def moved(perturbation: tf.Tensor, uphill: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(perturbation + fgsm(uphill, size), -epsilon, epsilon)

    def step(index: tf.Tensor, perturbation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index + 1, moved(perturbation, gradient_at(perturbation))

    first = (tf.constant(1), moved(tf.zeros_like(gradient), gradient))
    _, perturbation = tf.while_loop(lambda index, _: index < steps, step, first, parallel_iterations=1)
    return tf.stop_gradient(perturbation)
