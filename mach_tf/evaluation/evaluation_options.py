"""The options of an evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional, Union

from mach_tf import arguments, objectives
from mach_tf.decoding.approximate import Approximate
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.evaluation.attack_evaluation import checked_epsilons
from mach_tf.evaluation.certification import CertificationOptions
from mach_tf.evaluation.metric_options import MetricOptions
from mach_tf.metrics.propensity import CONSTANTS
from mach_tf.name_scores import check_name_weight

# Larger ones make propensities of 0, by which no hit can be weighted.
_LARGEST_CONSTANT = 10


@dataclasses.dataclass(frozen=True)
class EvaluationOptions(MetricOptions):
    """The options of an evaluation: the attributes of MetricOptions, and these.

    Attributes:
      repetitions: open a model directory with its first N repetitions only; None for all. Not for a model that is open.
      estimators: which estimators make label scores: "all", or some of estimators.ESTIMATORS. The first one's metrics are
        `Evaluation.metrics`; all are in `Evaluation.estimators`.
      approximate: score only the labels that approximate decoding finds; None scores every label.
      name_weight: adds this weight times the similarity of each text and label name to the label scores, as of
        `Ensemble.predict_text`; 0 adds nothing. Not with `approximate` or attacks.
      objective: the metric that labels are ranked for: "precision", or "psp" with the constants of the propensity model below, as of
        `Ensemble.predict`. Not with `approximate`, attacks or certificates.
      repetition_curve: whether to measure the metrics with the first 1, 2, 4, ... repetitions too.
      adversarial_loss: whether to measure the loss under FGSM with the epsilon and support of the training.
      propensity: whose constants the propensity model takes, one of propensity.CONSTANTS.
      propensity_a, propensity_b: the constants A and B of the propensity model, above 0; None takes that of `propensity`.
      compare: path of another evaluation's metrics.json, of the same points: adds the differences from it.
      certify: sizes of perturbation of the features present within which P@k is certified; or a CertificationOptions, whose cut-offs and
        estimator are replaced by the evaluation's; empty for none. Not with `approximate`, `name_weight` or `filter_labels`.
    """

    repetitions: Optional[int] = None
    estimators: Union[str, Sequence[str]] = (DEFAULT_ESTIMATOR,)
    approximate: Optional[Approximate] = None
    name_weight: float = 0.0
    objective: str = objectives.PRECISION
    repetition_curve: bool = True
    adversarial_loss: bool = True
    propensity: str = "default"
    propensity_a: Optional[float] = None
    propensity_b: Optional[float] = None
    compare: Optional[str] = None
    certify: Union[Sequence[float], CertificationOptions] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments.choice(self.propensity, "propensity", sorted(CONSTANTS))
        for name in ("repetition_curve", "adversarial_loss"):
            arguments.switch(getattr(self, name), name)
        if self.repetitions is not None:
            arguments.whole_number(self.repetitions, "repetitions", 1)
        for name, value in (("propensity_a", self.propensity_a), ("propensity_b", self.propensity_b)):
            if value is not None and not 0 < arguments.finite_number(value, name) <= _LARGEST_CONSTANT:
                raise InputError(
                    f"{name} must be above 0 and at most {_LARGEST_CONSTANT} (got {value}); 0.55 and 1.5 are usual."
                )
        if self.compare is not None:
            arguments.path(self.compare, "compare")
        if self.approximate is not None and not isinstance(self.approximate, Approximate):
            raise InputError(f"approximate must be an Approximate, or None (got {arguments.shown(self.approximate)}).")
        check_name_weight(self.name_weight)
        if self.name_weight and (self.approximate is not None or self.attack_list):
            raise InputError(
                "name_weight must be left out with approximate decoding and with attacks, which rank by the label scores alone (got "
                f"{self.name_weight})."
            )
        if not isinstance(self.estimators, str):
            arguments.name_list(self.estimators, "estimators", what="estimator")
        names = self.estimator_names
        if not names or set(names) - set(ESTIMATORS) or len(set(names)) < len(names):
            raise InputError(
                f"estimators must be all, or a list of different ones of {', '.join(ESTIMATORS)} (got {','.join(names)})."
            )

        self._check_certification()
        self._check_objective()

    def _check_objective(self) -> None:
        for name in self.estimator_names:
            objectives.check(self.objective, name)
        others = {"approximate": self.approximate, "attacks": self.attack_list, "certify": self.certification}
        given = [name for name, value in others.items() if value]
        if self.objective != objectives.PRECISION and given:
            raise InputError(
                f"objective={self.objective} must be left out with {given[0]}: then labels are ranked by their label scores."
            )

    def _check_certification(self) -> None:
        others = {"approximate": self.approximate, "name_weight": self.name_weight, "filter_labels": self.filter_labels}
        given = [name for name, value in others.items() if value]
        if self.certification is not None and given:
            raise InputError(
                f"certify must be left out with {given[0]}: certificates are of the exact ranking of all labels by their label scores."
            )

    @property
    def certification(self) -> Optional[CertificationOptions]:
        """What is certified; None for nothing."""
        wanted = self.certify
        if not isinstance(wanted, CertificationOptions):
            if isinstance(wanted, (list, tuple)) and not wanted:
                return None
            wanted = CertificationOptions(epsilons=checked_epsilons(wanted, "certify"))
        return dataclasses.replace(wanted, ks=self.ks, estimator=self.estimator_names[0])

    @property
    def propensity_constants(self) -> tuple[float, float]:
        """A and B of the propensity model."""
        a, b = CONSTANTS[self.propensity]
        return (
            a if self.propensity_a is None else float(self.propensity_a),
            b if self.propensity_b is None else float(self.propensity_b),
        )

    @property
    def propensity_name(self) -> str:
        """What reports call the constants: "default", "amazon", ..., or "A,B" for others."""
        constants = self.propensity_constants
        names = [self.propensity, *CONSTANTS]
        return next((name for name in names if CONSTANTS[name] == constants), "{:g},{:g}".format(*constants))

    @property
    def estimator_names(self) -> list[str]:
        """The estimators' names; the first one leads."""
        if isinstance(self.estimators, str):
            return list(ESTIMATORS) if self.estimators == "all" else [self.estimators]
        return list(ESTIMATORS) if list(self.estimators) == ["all"] else [str(name) for name in self.estimators]
