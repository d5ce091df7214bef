"""What one FGSM step on the whole ensemble makes of points."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from mach_tf.attacks import gradient_attacks, label_loss
from mach_tf.attacks.input_gradient import attack_input, bucket_logits, value_gradient
from mach_tf.points import Points

if TYPE_CHECKING:
    from mach_tf.ensemble import Ensemble


def fgsm_step(ensemble: Ensemble, hashed: Points, estimator: str, epsilon: float) -> Points:
    """Moves every feature present by epsilon where that raises the ensemble's label-space loss.

    Args:
      ensemble: attacked, all its weights known.
      hashed: n hashed points; their labels are those whose loss is raised.
      estimator: of the label scores in the loss; see label_loss.loss_estimator.
      epsilon: size of the step.

    Returns:
      The points with other feature values.
    """
    inputs = attack_input(hashed, ensemble.manifest.columns, "nonzero")

    def gradient(values: np.ndarray) -> np.ndarray:
        logits = bucket_logits(ensemble.repetitions, inputs, values)
        _, of_logits = label_loss.label_loss(logits, ensemble.bucket_table, hashed, estimator)
        return value_gradient(ensemble.repetitions, inputs, values, of_logits)

    (moved,) = gradient_attacks.perturb(gradient_attacks.Attack("fgsm"), gradient, inputs.clean, [epsilon])
    return dataclasses.replace(hashed, feature_values=moved)
