"""FGSM and PGD in the maximum norm: from a gradient to perturbed values, for any loss and any input.

Fast gradient sign method: Goodfellow, Shlens and Szegedy 2015. Projected gradient descent: Madry et al. 2018.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import numpy as np

from mach_tf import arguments
from mach_tf.attacks.input_gradient import attack_input
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.random_draws import draws
from mach_tf.choices import (
    ATTACK_METHODS,
    ATTACK_OBJECTIVES,
    ATTACKS,
    SUPPORTS,
    TARGETED_OBJECTIVES,
    VALUE_METHODS,
    WORD_METHODS,
)
from mach_tf.errors import InputError
from mach_tf.fgsm import fgsm as sign_step
from mach_tf.network import Network
from mach_tf.points import Points

_MOST_STEPS = 100_000
# What an attack increases if it is named by its method and nothing else is said; "loss" for methods that are not here.
_OBJECTIVES = dict.fromkeys(("apgd", "square", *WORD_METHODS), "margin")
# The methods that a setting has an effect on, where it is not all of them.
_USERS = {
    "objective": ("fgsm", "pgd", "apgd", "square", *WORD_METHODS),
    "support": VALUE_METHODS,
    "clip_nonnegative": VALUE_METHODS,
    "steps": ("pgd", "apgd", "strongest"),
    "random_start": ("pgd", "apgd", "strongest"),
    "relative_step": ("pgd",),
    "restarts": ("apgd", "strongest"),
    "queries": ("square", "strongest"),
    "beam": WORD_METHODS,
    # The sizes, which an Attack does not hold.
    "epsilon": VALUE_METHODS,
    "words": WORD_METHODS,
}
# The objectives that attacks on words can have.
MARGINS = ("margin", "worst_margin", "precision", "top_label")
# From values to the gradient, of their shape, of what the attack increases.
Gradient = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Attack:
    """An attack on points, without its size.

    Attributes:
      method: "fgsm", "pgd", "apgd" (mach_tf.attacks.apgd), "square" (square_attack), or "strongest" (strongest), which has
        objectives of its own; "drop_words", "swap_words" or "add_words" (word_search), whose size is a number of words.
      objective: what is increased: "loss", the label-space loss, or a margin of mach_tf.attacks.objectives: "margin",
        "worst_margin", "precision", "top_label", and the targeted "push_out" and "push_in".
      support: which values may change: "nonzero" for the features present, "dense" for all.
      steps: number of steps of PGD and Auto-PGD.
      relative_step: size of a PGD step divided by epsilon; 2.5 / steps reaches the border of the ball from anywhere in it.
      restarts: number of starts of Auto-PGD; the first is the clean point unless `random_start`, the others are random.
      queries: number of predictions that the square attack asks for.
      random_start: whether PGD and Auto-PGD start from a uniform draw from the ball instead of from the clean values.
      clip_nonnegative: whether perturbed values below 0 are set to 0, because term weights are never negative.
      seed: seed of the random starts, of the square attack, and of the labels drawn to be pushed in.
      k: the cut-off that "precision" aims at; None for the largest that is measured.
      beam: number of changed points that an attack on words goes on from; 1 is the greedy search.
    """

    method: str = "fgsm"
    objective: str = "loss"
    support: str = "nonzero"
    steps: int = 10
    relative_step: float = 0.25
    restarts: int = 1
    queries: int = 100
    random_start: bool = False
    clip_nonnegative: bool = False
    seed: int = 0
    k: Optional[int] = None
    beam: int = 1

    def __post_init__(self) -> None:
        arguments.choice(self.method, "method", ATTACK_METHODS)
        arguments.choice(self.objective, "objective", ATTACK_OBJECTIVES)
        arguments.choice(self.support, "support", SUPPORTS)
        for name in ("random_start", "clip_nonnegative"):
            object.__setattr__(self, name, arguments.switch(getattr(self, name), name))
        object.__setattr__(self, "steps", arguments.whole_number(self.steps, "steps", 1, _MOST_STEPS))
        for name in ("restarts", "queries", "beam"):
            object.__setattr__(self, name, arguments.whole_number(getattr(self, name), name, 1, _MOST_STEPS))
        if self.k is not None:
            object.__setattr__(self, "k", arguments.whole_number(self.k, "k", 1))
        object.__setattr__(self, "seed", arguments.seed(self.seed))
        step = arguments.finite_number(self.relative_step, "relative_step", 0, 1e6)
        if not step:
            raise InputError("relative_step must be positive (got 0).")
        object.__setattr__(self, "relative_step", step)
        if self.of_words and self.objective not in MARGINS:
            raise InputError(f"{self.method} needs one of the objectives {', '.join(MARGINS)} (got {self.objective}).")

    @classmethod
    def named(cls, name: str, **settings: Any) -> Attack:
        """Returns the attack that a user calls by one name.

        Args:
          name: "fgsm" or "pgd" on the loss, "apgd" or "square" on the margin, "strongest"; "push_out" or "push_in", by PGD;
            "drop_words", "swap_words" or "add_words" on the margin.
          **settings: the other attributes, such as `support` or `steps`. An `objective` that is not None replaces that of a method.

        Raises:
          InputError: an unknown name.

        Example:
          >>> Attack.named("push_in", steps=20).name
          'push_in (pgd)'
        """
        arguments.choice(name, "An attack", ATTACKS)
        chosen = settings.pop("objective", None)
        if name == "strongest":
            return cls(name, **settings)
        if name in TARGETED_OBJECTIVES:
            return cls("pgd", name, **settings)
        return cls(name, _OBJECTIVES.get(name, "loss") if chosen is None else chosen, **settings)

    @property
    def name(self) -> str:
        """The name in reports: "fgsm", "pgd", or the objective with its method, "push_out (pgd)"."""
        usual = _OBJECTIVES[self.method] if self.of_words else "loss"
        if self.method == "strongest" or self.objective == usual:
            return self.method
        aim = f"@{self.k}" if self._applies("k") else ""
        return f"{self.objective}{aim} ({self.method})"

    @property
    def targeted(self) -> bool:
        """Whether the attack has a target, a label that is to leave or enter the top k."""
        return self.objective in TARGETED_OBJECTIVES

    @property
    def of_words(self) -> bool:
        """Whether the attack changes words, so that its size is their number."""
        return self.method in WORD_METHODS

    def to_json(self) -> dict[str, Any]:
        """Returns the settings that have an effect on this attack."""
        return {name: value for name, value in dataclasses.asdict(self).items() if self._applies(name)}

    def _applies(self, setting: str) -> bool:
        if setting == "k":
            return self.k is not None and self.objective == "precision"
        if setting == "seed":
            starts = self.random_start or (self.method == "apgd" and self.restarts > 1)
            drawn = self.method in ("square", "strongest") or self.objective == "push_in"
            return drawn or (starts and self.method in _USERS["random_start"])
        return self.method in _USERS.get(setting, ATTACK_METHODS)


def users(setting: str) -> list[str]:
    """Returns the names of the attacks that a setting, or a kind of size, "epsilon" or "words", has an effect on if the others have their defaults."""
    named = {name: Attack.named(name) for name in ATTACKS}
    # A target is an objective.
    return [
        name
        for name, attack in named.items()
        if attack._applies(setting) and not (attack.targeted and setting == "objective")
    ]


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
    check_values(attack, clean, epsilons)
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
    objective = Objective("loss", network, None, inputs, estimator)  # the loss needs no decoder
    (moved,) = perturb(Attack("fgsm"), objective.gradient, inputs.clean, [epsilon])
    return dataclasses.replace(hashed, feature_values=moved)


def check_values(attack: Attack, clean: np.ndarray, epsilons: Sequence[float]) -> None:
    """Raises InputError for a negative epsilon, or negative values to be clipped at 0."""
    if min(epsilons, default=0) < 0:
        raise InputError(f"epsilon must not be negative (got {min(epsilons)}).")
    if attack.clip_nonnegative and clean.size and clean.min() < 0:
        raise InputError(f"clip_nonnegative needs values that are not negative (got {clean.min()}).")


def project(values: np.ndarray, clean: np.ndarray, epsilon: Union[float, np.ndarray], nonnegative: bool) -> np.ndarray:
    """Returns the nearest values within epsilon of the clean ones, and not below 0 if `nonnegative`; float32."""
    size = np.asarray(epsilon, np.float32)
    values = np.clip(values, clean - size, clean + size)
    return np.maximum(values, np.float32(0)) if nonnegative else values


def random_start(
    attack: Attack, clean: np.ndarray, epsilon: Union[float, np.ndarray], first: int, restart: int = 0
) -> np.ndarray:
    """Returns a uniform draw from the ball around the clean values; `epsilon` broadcasts to them, `first` is as of `perturb`."""
    seed = [attack.seed, restart] if restart else attack.seed
    start = (epsilon * (2 * draws(seed, first, clean.shape) - 1)).astype(np.float32)
    return project(clean + start, clean, epsilon, attack.clip_nonnegative)


def _pgd(attack: Attack, gradient: Gradient, clean: np.ndarray, epsilon: float, first: int) -> np.ndarray:
    values = random_start(attack, clean, epsilon, first) if attack.random_start else clean
    for _ in range(attack.steps):
        moved = values + _step(gradient(values), attack.relative_step * epsilon)
        values = project(moved, clean, epsilon, attack.clip_nonnegative)
    return values


def _step(gradient: np.ndarray, size: float) -> np.ndarray:
    return np.asarray(sign_step(gradient, size))
