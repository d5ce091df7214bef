"""The settings that decide a repetition's weights."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

import numpy as np

from mach_tf.choices import LEARNING_RATE_DECAYS, OPTIMIZERS, SUPPORTS
from mach_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """What is trained and how; with the data, the bucket table and the repetition's number, all that decides its weights.

    Attributes:
      hidden_units: of each repetition.
      epochs: passes over the training split.
      batch_size: points a step, over all replicas.
      learning_rate: at the start.
      learning_rate_decay: "none", or to zero over all steps: "linear", or "cosine". With "laprop" the rate is that at which a
        gradient enters the momentum.
      optimizer: "laprop" and "lazy_adam" update the rows of W1 (and their moments) that have a gradient, with nonzero support those that
        the batch touches; "adam" every row.
      optimizer_epsilon: in Adam's denominator; in LaProp's its square, under the root. For gradients of the loss summed over the
        buckets: divided by their number, since the loss is their mean. The larger, the shorter the steps of what is rare.
      epsilon: size of the FGSM perturbation.
      adversarial_weight: lambda; 0 trains on the clean loss alone, at its cost.
      fgsm_support: which coordinates FGSM moves: "nonzero", the features present, or "dense", all.
      dropout: probability that a hidden unit is left out of a step.
      feature_dropout: probability that a feature of a point is left out of a step, the same for every repetition.
      hidden_init_stddev: of W1's initial normal distribution. Rows of x have unit length, so this is also the standard
        deviation of the first layer's output.
      mixed_precision: whether the products with W2, the bulk of the operations, are done in bfloat16 with float32 sums;
        weights, moments, losses and the sparse product stay float32. bfloat16 has float32's range, so no loss scaling.
      seed: of initial weights, both dropouts and the order of the data.
    """

    hidden_units: int = 512
    epochs: int = 5
    batch_size: int = 256
    learning_rate: float = 0.01
    learning_rate_decay: str = "linear"
    optimizer: str = "laprop"
    optimizer_epsilon: float = 3e-5
    epsilon: float = 0.01
    adversarial_weight: float = 1.0
    fgsm_support: str = "nonzero"
    dropout: float = 0.0
    feature_dropout: float = 0.0
    hidden_init_stddev: float = 0.03
    mixed_precision: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        # NumPy's numbers become Python's, and 1 becomes 1.0 for a float, so that model.json says the same for equal settings.
        for field in dataclasses.fields(self):
            converted = _convert(field.name, str(field.type), getattr(self, field.name))
            object.__setattr__(self, field.name, converted)
        for name in ("hidden_units", "epochs", "batch_size"):
            self._require(getattr(self, name) >= 1, name, "at least 1")
        for name in ("learning_rate", "hidden_init_stddev"):
            self._require(0 < getattr(self, name) < math.inf, name, "above 0 and finite")
        # LaProp squares it in float32, divided by the buckets, of which there are at most 100 million.
        self._require(1e-10 <= self.optimizer_epsilon < math.inf, "optimizer_epsilon", "at least 1e-10 and finite")
        for name in ("epsilon", "adversarial_weight"):
            self._require(0 <= getattr(self, name) < math.inf, name, "0 or more and finite")
        for name in ("dropout", "feature_dropout"):
            self._require(0 <= getattr(self, name) < 1, name, "in [0, 1)")
        self._require(self.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}")
        self._require(self.fgsm_support in SUPPORTS, "fgsm_support", f"one of {', '.join(SUPPORTS)}")
        self._require(
            self.learning_rate_decay in LEARNING_RATE_DECAYS,
            "learning_rate_decay",
            f"one of {', '.join(LEARNING_RATE_DECAYS)}",
        )

    @property
    def adversarial(self) -> bool:
        """Whether there is an adversarial loss at all."""
        return self.adversarial_weight > 0

    def _require(self, holds: bool, name: str, rule: str) -> None:
        if not holds:
            raise InputError(f"{name} must be {rule} (got {getattr(self, name)!r}).")


def _convert(name: str, kind: str, value: Any) -> Any:
    """Returns a value as the Python type of its field; InputError if it is of another kind."""
    if kind == "int" and isinstance(value, numbers.Integral):
        return int(value)
    if kind == "float" and isinstance(value, numbers.Real):
        return float(value)
    if kind == "bool" and isinstance(value, (bool, np.bool_)):
        return bool(value)
    if kind == "str" and isinstance(value, str):
        return str(value)
    expected = {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "text"}[kind]
    raise InputError(f"{name} must be {expected} (got {value!r}).")
