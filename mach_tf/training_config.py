"""The training settings, which decide the weights of a repetition."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

import numpy as np

from mach_tf import arguments
from mach_tf.choices import ADVERSARIAL_METHODS, LEARNING_RATE_DECAYS, OPTIMIZERS, SUPPORTS, TASKS
from mach_tf.errors import InputError

# Far beyond what trains anything; what is larger is a slip, or overflows in float32.
_MOST = {"hidden_units": 1_000_000, "epochs": 1_000_000, "batch_size": 100_000_000, "adversarial_steps": 1000}
_LARGEST = 1e30
# The method of adversarial training that a setting belongs to.
_METHOD_OF = {"adversarial_steps": "pgd", "ibp_ramp": "ibp"}


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """The training settings. With the data, the bucket table and a repetition's number they decide its weights.

    Attributes:
      hidden_units: the number of hidden units of each repetition.
      epochs: the number of passes over the training split.
      batch_size: the number of points per step, over all replicas.
      learning_rate: the learning rate at the start.
      learning_rate_decay: how the learning rate falls to zero over all steps: "linear" or "cosine"; "none" keeps it constant.
        With "laprop" it is the rate at which a gradient enters the momentum.
      optimizer: "laprop", "rowwise" and "lazy_adam" update only the rows of W1, and their moments, that have a gradient: with
        nonzero support those that the batch touches. "rowwise" keeps one second moment for each row of W1 and no momentum there,
        and is LaProp for the other weights. "adam" updates every row.
      optimizer_epsilon: the constant in Adam's denominator, or its square under the root of LaProp's, for gradients of the loss
        summed over the buckets. The loss is their mean, so the optimizer divides it by B. The larger it is, the shorter are the
        steps of rare features.
      epsilon: the size of the perturbation in adversarial training.
      adversarial_weight: lambda; 0 trains on the clean loss alone, at the cost of clean training.
      adversarial: what the adversarial loss is: the loss at a perturbed point, found by "fgsm", "n_fgsm" (FGSM from a random point, without
        clipping) or "pgd" (several steps); or with "ibp" a loss of how far false buckets can lead after any perturbation, by interval arithmetic.
      adversarial_steps: the number of steps of "pgd".
      ibp_ramp: the share of all steps over which "ibp" raises epsilon and adversarial_weight from 0, in [0, 1].
      fgsm_support: which coordinates FGSM may change: "nonzero", the features present, or "dense", all of them. The other methods change
        the features present.
      dropout: the probability that a hidden unit is left out of a step.
      feature_dropout: the probability that a feature of a point is left out of a step, the same for every repetition.
      hidden_init_stddev: the standard deviation of the initial values of W1. Rows of x have unit length, so it is also the
        standard deviation of the first layer's output.
      mixed_precision: whether the products with W2, the bulk of the operations, are computed in bfloat16 with float32 sums.
        Weights, moments, losses and the sparse product stay float32; bfloat16 has the range of float32, so that no loss scaling
        is needed.
      seed: the seed of the initial weights, both dropouts, the order of the data and the points to calibrate on.
      calibration_fraction: the fraction of the training points, in [0, 0.5], that half of the repetitions do not learn from, so that
        probabilities can be calibrated on them; 0 lets all repetitions learn from all points.
      task: "multilabel", where a bucket has a probability of its own and the loss is binary cross-entropy; or "multiclass", where
        each point has exactly one label, the probabilities of the buckets are a softmax, and the loss is its cross-entropy.

    Example:
      >>> TrainingConfig(epochs=3, adversarial_weight=0).is_adversarial
      False
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
    adversarial: str = ADVERSARIAL_METHODS[0]
    adversarial_steps: int = 5
    ibp_ramp: float = 0.5
    fgsm_support: str = "nonzero"
    dropout: float = 0.0
    feature_dropout: float = 0.0
    hidden_init_stddev: float = 0.03
    mixed_precision: bool = False
    seed: int = 0
    calibration_fraction: float = 0.0
    task: str = TASKS[0]

    def __post_init__(self) -> None:
        # NumPy's numbers become Python's, and 1 becomes 1.0 for a float, so that model.json says the same for equal settings.
        for field in dataclasses.fields(self):
            converted = _convert(field.name, str(field.type), getattr(self, field.name))
            object.__setattr__(self, field.name, converted)
        for name, most in _MOST.items():
            self._require(getattr(self, name) >= 1, name, "at least 1")
            self._require(getattr(self, name) <= most, name, f"at most {most}")
        for name in ("learning_rate", "hidden_init_stddev"):
            self._require(0 < getattr(self, name) < math.inf, name, "above 0 and finite")
        # LaProp squares it in float32, after a division by the number of buckets, which is at most 100 million.
        self._require(1e-10 <= self.optimizer_epsilon < math.inf, "optimizer_epsilon", "at least 1e-10 and finite")
        for name in ("epsilon", "adversarial_weight"):
            self._require(0 <= getattr(self, name) < math.inf, name, "0 or more and finite")
        for name in ("learning_rate", "hidden_init_stddev", "optimizer_epsilon", "epsilon", "adversarial_weight"):
            self._require(getattr(self, name) <= _LARGEST, name, f"at most {_LARGEST:g}")
        arguments.seed(self.seed)
        for name in ("dropout", "feature_dropout"):
            self._require(0 <= getattr(self, name) < 1, name, "in [0, 1)")
        self._require(0 <= self.ibp_ramp <= 1, "ibp_ramp", "in [0, 1]")
        self._require(0 <= self.calibration_fraction <= 0.5, "calibration_fraction", "in [0, 0.5]")
        methods = ", ".join(ADVERSARIAL_METHODS)
        self._require(self.adversarial in ADVERSARIAL_METHODS, "adversarial", f"one of {methods}")
        self._require(self.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}")
        self._require(self.task in TASKS, "task", f"one of {', '.join(TASKS)}")
        self._require(self.fgsm_support in SUPPORTS, "fgsm_support", f"one of {', '.join(SUPPORTS)}")
        self._require(
            self.learning_rate_decay in LEARNING_RATE_DECAYS,
            "learning_rate_decay",
            f"one of {', '.join(LEARNING_RATE_DECAYS)}",
        )
        self._check_adversarial()

    @property
    def is_adversarial(self) -> bool:
        """Returns whether the training has an adversarial loss."""
        return self.adversarial_weight > 0

    @property
    def updates_all_rows(self) -> bool:
        """Returns whether a step updates all rows of W1, not only those of the features in the batch."""
        return self.optimizer == "adam" or (self.is_adversarial and self.fgsm_support == "dense")

    @property
    def multiclass(self) -> bool:
        """Returns whether each point has exactly one label."""
        return self.task == TASKS[1]

    def of_origin(self) -> dict[str, Any]:
        """Returns the settings as origins of repetitions hash them: as they were in the version that trained the first ones."""
        settings = dataclasses.asdict(self)
        settings["adam_epsilon"] = settings.pop("optimizer_epsilon")
        if not self.multiclass:
            del settings["task"]
        if not self.calibration_fraction:
            del settings["calibration_fraction"]
        if self.adversarial == ADVERSARIAL_METHODS[0]:
            del settings["adversarial"]
        for name, method in _METHOD_OF.items():
            if self.adversarial != method:
                del settings[name]
        return settings

    def require_multilabel(self, what: str, reason: str) -> None:
        """Raises InputError for what a multiclass model cannot do.

        Args:
          what: what needs a multilabel model, in the plural: "Certificates".
          reason: why, as a clause.
        """
        if self.multiclass:
            raise InputError(
                f"{what} need a model with task=multilabel (got one that was trained with task=multiclass), because {reason}."
            )

    def _check_adversarial(self) -> None:
        """Raises InputError for settings of adversarial training that would do nothing."""
        for name, method in _METHOD_OF.items():
            value = getattr(self, name)
            if self.adversarial != method and value != getattr(TrainingConfig, name):
                raise InputError(
                    f"{name} is a setting of adversarial={method} (got {value!r} with adversarial={self.adversarial}). Leave it out, or "
                    f"give adversarial={method}."
                )
        if self.adversarial == ADVERSARIAL_METHODS[0]:
            return
        if not self.is_adversarial:
            raise InputError(
                f"adversarial_weight must be above 0 with adversarial={self.adversarial} (got {self.adversarial_weight!r}, which trains on "
                f"the clean loss alone). Raise it, or leave adversarial={self.adversarial} out."
            )
        if self.fgsm_support != SUPPORTS[0]:
            raise InputError(
                f"fgsm_support must be {SUPPORTS[0]} with adversarial={self.adversarial} (got {self.fgsm_support!r}), because only FGSM "
                "can change absent features without a value per point and feature in memory. Leave it out, or give adversarial=fgsm."
            )

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
