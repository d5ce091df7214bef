"""What an evaluation measures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional, Union

from mach_tf.attacks.gradient_attacks import Attack, attack_list
from mach_tf.decoding.approximate import Approximate
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.evaluation.attack_evaluation import checked_epsilons
from mach_tf.manifest import SPLITS
from mach_tf.metrics.propensity import CONSTANTS


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """What an evaluation measures.

    Attributes:
      split: the dataset's split: "train", "valid" or "test".
      limit: evaluate the first `limit` points only; None for all.
      ks: cut-offs of the metrics; targeted attacks aim at the largest.
      estimators: which estimators make label scores: "all", or some of estimators.ESTIMATORS. The first one's metrics are
        `Evaluation.metrics`; all are in `Evaluation.estimators`.
      approximate: score only the labels that approximate decoding finds; None scores every label.
      repetition_curve: whether to measure the metrics with the first 1, 2, 4, ... repetitions too.
      adversarial_loss: whether to measure the loss under FGSM with the epsilon and support of the training.
      propensity: whose constants the propensity model takes, one of propensity.CONSTANTS.
      bootstrap: number of resamples for 95% intervals; 0 leaves the intervals out.
      seed: seed of the resamples.
      attacks: names of attacks ("fgsm", "pgd", "push_out", "push_in"), or Attack objects with all their settings.
      epsilons: sizes of the attacks; 0 stands for the clean points.
      target_label: the label that "push_in" pushes in; None draws one per point.
      compare: path of another evaluation's metrics.json, of the same points: adds the differences from it.
    """

    split: str = "test"
    limit: Optional[int] = None
    ks: Sequence[int] = (1, 3, 5)
    estimators: Union[str, Sequence[str]] = (DEFAULT_ESTIMATOR,)
    approximate: Optional[Approximate] = None
    repetition_curve: bool = True
    adversarial_loss: bool = True
    propensity: str = "default"
    bootstrap: int = 1000
    seed: int = 0
    attacks: Sequence[Union[str, Attack]] = ()
    epsilons: Sequence[float] = (0.0, 0.005, 0.01, 0.02, 0.05)
    target_label: Optional[int] = None
    compare: Optional[str] = None

    def __post_init__(self) -> None:
        """Raises InputError for a value that no dataset allows."""
        if self.split not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)} (got {self.split}).")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit must be at least 1 (got {self.limit}); leave it out to evaluate every point.")
        if self.propensity not in CONSTANTS:
            raise InputError(f"propensity must be one of {', '.join(sorted(CONSTANTS))} (got {self.propensity}).")
        if self.bootstrap < 0:
            raise InputError(f"bootstrap must not be negative (got {self.bootstrap}); 0 leaves the intervals out.")
        names = self.estimator_names
        if not names or set(names) - set(ESTIMATORS) or len(set(names)) < len(names):
            raise InputError(
                f"estimators must be all, or a list of different ones of {', '.join(ESTIMATORS)} (got {','.join(names)})."
            )
        if self.attack_list:
            checked_epsilons(self.epsilons)

    @property
    def estimator_names(self) -> list[str]:
        """The estimators' names; the first one leads."""
        if isinstance(self.estimators, str):
            return list(ESTIMATORS) if self.estimators == "all" else [self.estimators]
        return list(ESTIMATORS) if list(self.estimators) == ["all"] else list(self.estimators)

    @property
    def attack_list(self) -> list[Attack]:
        """The attacks, those that were named with default settings."""
        return attack_list(self.attacks)
