"""FGSM and PGD in the maximum norm: from a gradient to perturbed values, for any loss and any input.

Fast gradient sign method: Goodfellow, Shlens and Szegedy 2015. Projected gradient descent: Madry et al. 2018.
"""

from __future__ import annotations

import dataclasses
from typing import Callable

import numpy as np

from mach_tf.attacks.input_gradient import attack_input, bucket_logits, value_gradient
from mach_tf.attacks.label_loss import label_loss
from mach_tf.choices import ATTACK_METHODS, ATTACK_OBJECTIVES, SUPPORTS
from mach_tf.fgsm import fgsm as sign_step
from mach_tf.network import Network
from mach_tf.points import Points

# From values to the gradient, of their shape, of what the attack increases.
Gradient = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Attack:
    """How points are perturbed, but for the size.

    Attributes:
      method: "fgsm" or "pgd".
      objective: "untargeted" increases the label-space loss; "push_out" drives one true label out of the top k,
        "push_in" a chosen other label into it.
      support: "nonzero" touches the features present, "dense" all.
      steps: of PGD.
      relative_step: size of a PGD step over epsilon; 2.5 / steps reaches the border of the ball from anywhere in it.
      random_start: whether PGD starts from a uniform draw from the ball instead of from the clean values.
      clip_nonnegative: whether perturbed values below 0 become 0, since term weights are not negative.
      seed: of the random start, and of the labels that are drawn to be pushed in.
    """

    method: str = "fgsm"
    objective: str = "untargeted"
    support: str = "nonzero"
    steps: int = 10
    relative_step: float = 0.25
    random_start: bool = False
    clip_nonnegative: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in ATTACK_METHODS:
            raise ValueError(f"method must be one of {ATTACK_METHODS} (got {self.method!r})")
        if self.objective not in ATTACK_OBJECTIVES:
            raise ValueError(f"objective must be one of {ATTACK_OBJECTIVES} (got {self.objective!r})")
        if self.support not in SUPPORTS:
            raise ValueError(f"support must be one of {SUPPORTS} (got {self.support!r})")
        if self.steps < 1 or not self.relative_step > 0:
            raise ValueError(
                f"steps must be at least 1 and relative_step positive (got {self.steps}, {self.relative_step})"
            )

    @property
    def name(self) -> str:
        """For reports: "fgsm", "pgd", or the objective with its method, "push_out (pgd)"."""
        return self.method if self.objective == "untargeted" else f"{self.objective} ({self.method})"


def perturb(
    attack: Attack, gradient: Gradient, clean: np.ndarray, epsilons: list[float], first: int = 0
) -> list[np.ndarray]:
    """The attacked values for each epsilon.

    FGSM needs one gradient for all epsilons, PGD one for each step of each.

    Args:
      attack: which one.
      gradient: of what the attack increases.
      clean: float32 values, any shape.
      epsilons: sizes, not negative.
      first: number of values in the parts before, when values are attacked part by part: the random starts of the parts
        are then those of the whole.

    Returns:
      One float32 array of clean's shape for each epsilon.

    Raises:
      ValueError: a negative epsilon, or negative values to be clipped at 0.
    """
    if min(epsilons, default=0) < 0:
        raise ValueError(f"epsilon must not be negative (got {min(epsilons)})")
    if attack.clip_nonnegative and clean.size and clean.min() < 0:
        raise ValueError(f"clip_nonnegative needs values that are not negative (got {clean.min()})")
    if attack.method == "pgd":
        return [_pgd(attack, gradient, clean, epsilon, first) if epsilon else clean for epsilon in epsilons]
    at_clean = gradient(clean)
    return [project(clean + _step(at_clean, epsilon), clean, epsilon, attack.clip_nonnegative) for epsilon in epsilons]


def fgsm_step(ensemble: Network, hashed: Points, estimator: str, epsilon: float) -> Points:
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
        _, of_logits = label_loss(logits, ensemble.bucket_table, hashed, estimator)
        return value_gradient(ensemble.repetitions, inputs, values, of_logits)

    (moved,) = perturb(Attack("fgsm"), gradient, inputs.clean, [epsilon])
    return dataclasses.replace(hashed, feature_values=moved)


def project(values: np.ndarray, clean: np.ndarray, epsilon: float, nonnegative: bool) -> np.ndarray:
    """The nearest values no further than epsilon from the clean ones, and not negative when so asked; float32."""
    size = np.float32(epsilon)
    values = np.clip(values, clean - size, clean + size)
    return np.maximum(values, np.float32(0)) if nonnegative else values


def draws(seed: int, first: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform draws from [0, 1), float64, of one long sequence: those from number `first` on."""
    # A float64 takes one step of the generator, so any place of the sequence is reached by itself.
    return np.random.Generator(np.random.PCG64(seed).advance(first)).random(shape)


def _pgd(attack: Attack, gradient: Gradient, clean: np.ndarray, epsilon: float, first: int) -> np.ndarray:
    values = clean
    if attack.random_start:
        start = (epsilon * (2 * draws(attack.seed, first, clean.shape) - 1)).astype(np.float32)
        values = project(clean + start, clean, epsilon, attack.clip_nonnegative)
    for _ in range(attack.steps):
        moved = values + _step(gradient(values), attack.relative_step * epsilon)
        values = project(moved, clean, epsilon, attack.clip_nonnegative)
    return values


def _step(gradient: np.ndarray, size: float) -> np.ndarray:
    return np.asarray(sign_step(gradient, size))
