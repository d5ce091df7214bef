"""FGSM and PGD in the maximum norm: from a gradient to perturbed values, for any loss and any input.

Fast gradient sign method: Goodfellow, Shlens and Szegedy 2015. Projected gradient descent: Madry et al. 2018.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Callable, Union

import numpy as np

from mach_tf import arguments
from mach_tf.attacks.input_gradient import attack_input, bucket_logits, value_gradient
from mach_tf.attacks.label_loss import label_loss
from mach_tf.choices import ATTACK_METHODS, ATTACK_OBJECTIVES, ATTACKS, SUPPORTS
from mach_tf.errors import InputError
from mach_tf.fgsm import fgsm as sign_step
from mach_tf.network import Network
from mach_tf.points import Points

_MOST_STEPS = 100_000
# From values to the gradient, of their shape, of what the attack increases.
Gradient = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Attack:
    """An attack on points, without its size.

    Attributes:
      method: "fgsm" or "pgd".
      objective: "untargeted" increases the label-space loss; "push_out" drives one true label out of the top k,
        "push_in" a chosen other label into it.
      support: which values may change: "nonzero" for the features present, "dense" for all.
      steps: number of PGD steps.
      relative_step: size of a PGD step divided by epsilon; 2.5 / steps reaches the border of the ball from anywhere in it.
      random_start: whether PGD starts from a uniform draw from the ball instead of from the clean values.
      clip_nonnegative: whether perturbed values below 0 are set to 0, because term weights are never negative.
      seed: seed of the random start and of the labels drawn to be pushed in.
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
        arguments.choice(self.method, "method", ATTACK_METHODS)
        arguments.choice(self.objective, "objective", ATTACK_OBJECTIVES)
        arguments.choice(self.support, "support", SUPPORTS)
        for name in ("random_start", "clip_nonnegative"):
            object.__setattr__(self, name, arguments.switch(getattr(self, name), name))
        object.__setattr__(self, "steps", arguments.whole_number(self.steps, "steps", 1, _MOST_STEPS))
        object.__setattr__(self, "seed", arguments.seed(self.seed))
        step = arguments.finite_number(self.relative_step, "relative_step", 0, 1e6)
        if not step:
            raise InputError("relative_step must be positive (got 0).")
        object.__setattr__(self, "relative_step", step)

    @classmethod
    def named(cls, name: str, **settings: Any) -> Attack:
        """Returns the attack that a user calls by one name.

        Args:
          name: "fgsm" or "pgd", untargeted; "push_out" or "push_in", by PGD.
          **settings: the other attributes, such as `support` or `steps`.

        Raises:
          InputError: an unknown name.

        Example:
          >>> Attack.named("push_in", steps=20).name
          'push_in (pgd)'
        """
        arguments.choice(name, "An attack", ATTACKS)
        targeted = name in ATTACK_OBJECTIVES
        return cls("pgd" if targeted else name, name if targeted else "untargeted", **settings)

    @property
    def name(self) -> str:
        """The name in reports: "fgsm", "pgd", or the objective with its method, "push_out (pgd)"."""
        return self.method if self.objective == "untargeted" else f"{self.objective} ({self.method})"

    def to_json(self) -> dict[str, Any]:
        """Returns the settings that have an effect on this attack."""
        return {name: value for name, value in dataclasses.asdict(self).items() if self._applies(name)}

    def _applies(self, setting: str) -> bool:
        if setting in ("steps", "relative_step", "random_start"):
            return self.method == "pgd"
        return setting != "seed" or (self.random_start and self.method == "pgd") or self.objective == "push_in"


def attack_list(attacks: Union[str, Attack, Sequence[Union[str, Attack]]]) -> list[Attack]:
    """Returns attacks, of which each may be given by its name, with default settings, or as an Attack."""
    given = [attacks] if isinstance(attacks, (str, Attack)) else attacks
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, (str, Attack)) for one in given):
        raise InputError(
            f"attacks must be a list of names of attacks, or of Attack objects (got {arguments.shown(attacks)})."
        )
    return [Attack.named(one) if isinstance(one, str) else one for one in given]


def perturb(
    attack: Attack, gradient: Gradient, clean: np.ndarray, epsilons: list[float], first: int = 0
) -> list[np.ndarray]:
    """Returns the attacked values for each epsilon.

    FGSM needs one gradient for all epsilons, PGD one per step and epsilon.

    Args:
      attack: the attack.
      gradient: from values to the gradient of what the attack increases.
      clean: float32 values, any shape.
      epsilons: sizes, not negative.
      first: number of values in the parts before this one, if values are attacked part by part: the random starts of the
        parts are then those of the whole.

    Returns:
      One float32 array of clean's shape per epsilon.

    Raises:
      InputError: a negative epsilon, or negative values to be clipped at 0.
    """
    if min(epsilons, default=0) < 0:
        raise InputError(f"epsilon must not be negative (got {min(epsilons)}).")
    if attack.clip_nonnegative and clean.size and clean.min() < 0:
        raise InputError(f"clip_nonnegative needs values that are not negative (got {clean.min()}).")
    if attack.method == "pgd":
        return [_pgd(attack, gradient, clean, epsilon, first) if epsilon else clean for epsilon in epsilons]
    at_clean = gradient(clean)
    return [project(clean + _step(at_clean, epsilon), clean, epsilon, attack.clip_nonnegative) for epsilon in epsilons]


def fgsm_step(network: Network, hashed: Points, estimator: str, epsilon: float) -> Points:
    """Returns the points after one FGSM step that increases the network's label-space loss.

    Args:
      network: the network attacked, with all its weights known.
      hashed: n hashed points; the loss is that of their labels.
      estimator: which estimator the label scores in the loss use; see label_loss.attacked.
      epsilon: how far each present feature moves.

    Returns:
      The points with new feature values.
    """
    inputs = attack_input(hashed, network.manifest.columns, "nonzero")

    def gradient(values: np.ndarray) -> np.ndarray:
        logits = bucket_logits(network.repetitions, inputs, values)
        _, of_logits = label_loss(logits, network.bucket_table, hashed, estimator)
        return value_gradient(network.repetitions, inputs, values, of_logits)

    (moved,) = perturb(Attack("fgsm"), gradient, inputs.clean, [epsilon])
    return dataclasses.replace(hashed, feature_values=moved)


def project(values: np.ndarray, clean: np.ndarray, epsilon: float, nonnegative: bool) -> np.ndarray:
    """Returns the nearest values within epsilon of the clean ones, and not below 0 if `nonnegative`; float32."""
    size = np.float32(epsilon)
    values = np.clip(values, clean - size, clean + size)
    return np.maximum(values, np.float32(0)) if nonnegative else values


def draws(seed: int, first: int, shape: tuple[int, ...]) -> np.ndarray:
    """Returns uniform draws from [0, 1), float64: one long sequence of the seed, from its element `first` on."""
    # A float64 takes one step of the generator, so any part of the sequence is computed on its own.
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
