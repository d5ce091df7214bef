"""What a training step computes for the clean points; the adversarial pass continues from it."""

from __future__ import annotations

from typing import NamedTuple, Optional

import tensorflow as tf


class CleanPass(NamedTuple):
    """The clean pass of a step, for n points and G repetitions.

    Attributes:
      kernel: the rows of W1 that the batch touches, [unique, G, hidden].
      mask: of dropout, [n, G, hidden], or None.
      targets: [G, n, B].
      learned: bool [G, n], whether a repetition learns from a point; None if all learn from all.
      hidden_input: x W1, [n, G, hidden].
      tape: persistent; it watches `hidden_input`.
      loss: [G].
      hidden_gradient: that of the loss with respect to `hidden_input`.
      gradients: those of the loss with respect to the weights above W1.
    """

    kernel: tf.Tensor
    mask: Optional[tf.Tensor]
    targets: tf.Tensor
    learned: Optional[tf.Tensor]
    hidden_input: tf.Tensor
    tape: tf.GradientTape
    loss: tf.Tensor
    hidden_gradient: tf.Tensor
    gradients: list[tf.Tensor]
