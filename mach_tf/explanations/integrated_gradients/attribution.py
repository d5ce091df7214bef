"""Attributions of an ensemble's label scores by any method, with a check that they add up."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from mach_tf import arguments, estimators
from mach_tf.choices import ATTRIBUTION_METHODS, EXPECTED_GRADIENTS, GRADIENT_X_INPUT, QUADRATURE_RULES, SHAPLEY
from mach_tf.classifier import SparseBatch, Weights, log_odds
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, EXACT_ESTIMATORS
from mach_tf.explanations.integrated_gradients import (
    exact_attribution,
    ranker_attribution,
    shapley_values,
    tape_attribution,
)
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths
from mach_tf.ranker.ranker import Ranker
from mach_tf.repetitions import Repetitions
from mach_tf.saved_repetition import Repetition

# A completeness gap may be as large as RELATIVE_GAP * |F(x) - F(x')| + ABSOLUTE_GAP.
RELATIVE_GAP, ABSOLUTE_GAP = 0.01, 1e-4
_MOST_STEPS = 100_000
NOT_EXACT = "the closed form needs logits that are sums of hidden units, and the log-odds of a softmax are not"


@dataclasses.dataclass(frozen=True)
class AttributionConfig:
    """The method that explains label scores, and its settings.

    Attributes:
      estimator: the estimator whose label score is explained.
      method: Integrated Gradients, "exact" in closed form or "tape" by quadrature with tf.GradientTape; "gradient_x_input", whose
        attributions do not add up; "shapley"; or "expected_gradients", from several baselines.
      steps: number of quadrature nodes of "tape", of orders of "shapley", or of training points that programs draw as baselines of
        "expected_gradients".
      rule: where the nodes lie, one of choices.QUADRATURE_RULES; used by "tape" only.

    Raises:
      InputError: the method cannot explain the estimator.
      InputError: an unknown estimator or method.

    Example:
      >>> AttributionConfig("mean").method
      'exact'
    """

    estimator: str = DEFAULT_ESTIMATOR
    method: str = "exact"
    steps: int = 64
    rule: str = "gauss_legendre"

    def __post_init__(self) -> None:
        entry = estimators.get(self.estimator)
        arguments.choice(self.method, "method", ATTRIBUTION_METHODS)
        arguments.choice(self.rule, "rule", QUADRATURE_RULES)
        object.__setattr__(self, "steps", arguments.whole_number(self.steps, "steps", 1, _MOST_STEPS))
        if self.method in (SHAPLEY, EXPECTED_GRADIENTS) and not entry.exact_attribution:
            raise InputError(
                f"method={self.method!r} explains the estimators {' and '.join(EXACT_ESTIMATORS)}, which are sums over repetitions "
                f"(got {self.estimator}). Use method='tape'."
            )
        if self.method == "exact" and not entry.exact_attribution:
            raise InputError(
                f"method='exact' explains the estimators {' and '.join(EXACT_ESTIMATORS)} (got {self.estimator}): "
                f"{self.estimator} selects a repetition anew wherever two of them cross along the path, and the closed form "
                "only follows the switching of hidden units. Use method='tape', which follows the selection step by step."
            )

    def describe(self) -> str:
        """Returns the method and its settings in a few words.

        Example:
          >>> AttributionConfig("min", "tape", 32).describe()
          'tape, 32 gauss_legendre steps'
        """
        details = {
            "tape": f", {self.steps} {self.rule} steps",
            SHAPLEY: f", {self.steps} orders",
            EXPECTED_GRADIENTS: f", {self.steps} training points",
        }
        return self.method + details.get(self.method, "")

    @property
    def adds_up(self) -> bool:
        """Whether the attributions are meant to add up to the change of the score."""
        return self.method != GRADIENT_X_INPUT


def networks(repetitions: Sequence[Repetition]) -> Iterator[Weights]:
    """Yields each repetition's weights as arrays; on the CPU these are views of the variables, not copies."""
    for index in range(len(repetitions)):
        yield Weights(*(_view(weight) for weight in repetitions[index].weights))


def _view(weight: object) -> np.ndarray:
    if isinstance(weight, np.ndarray):
        return weight
    # numpy() would copy; a tensor's buffer protocol does not.
    return np.asarray(memoryview(weight.value() if hasattr(weight, "assign") else weight))  # type: ignore[attr-defined, arg-type]


def integrate(
    repetitions: Sequence[Repetition],
    table: np.ndarray,
    paths: Paths,
    pairs: Pairs,
    config: AttributionConfig,
    point_ids: Optional[np.ndarray] = None,
    ranker: Optional[Ranker] = None,
) -> PathIntegrals:
    """Integrates the gradients of label scores along paths.

    Args:
      repetitions: the R repetitions. The exact method takes each of them once, also those that are not kept in memory.
      table: int32 [R, K], the bucket of each label in each repetition.
      paths: n paths in hashed features.
      pairs: the labels to explain for each of the n points.
      config: the method and the estimator.
      point_ids: int64 [n], the points' numbers in messages; by default their positions.
      ranker: what adds to the label scores of this estimator; None for nothing. Its part has a closed form, which either method uses.

    Returns:
      The integrals of the pairs.

    Raises:
      InputError: the attributions of a pair do not add up; the message names the point and the label.
    """
    if config.method in ("exact", SHAPLEY, EXPECTED_GRADIENTS) and repetitions[0].multiclass:
        raise InputError(
            f"The method must be tape for a model that was trained with task=multiclass (got {config.method}), because {NOT_EXACT}. "
            "Use method='tape'."
        )
    if config.method == GRADIENT_X_INPUT:
        return _gradient_x_input(repetitions, table, paths, pairs, config, ranker)
    if config.method == SHAPLEY:
        sigmoid = not estimators.get(config.estimator).takes_logits
        integrals = shapley_values.integrate(networks(repetitions), table, paths, pairs, sigmoid, config.steps, ranker)
    else:
        integrals = _integrated_gradients(repetitions, table, paths, pairs, config, ranker)
    check_complete(integrals, paths, pairs, config, point_ids)
    return integrals


def _integrated_gradients(
    repetitions: Sequence[Repetition],
    table: np.ndarray,
    paths: Paths,
    pairs: Pairs,
    config: AttributionConfig,
    ranker: Optional[Ranker],
) -> PathIntegrals:
    if config.method == "tape":
        functions = [functools.partial(_bucket_logits, repetitions, index) for index in range(len(repetitions))]
        integrals = tape_attribution.integrate(
            functions, table, paths, pairs, config.estimator, config.steps, config.rule
        )
    else:
        sigmoid = not estimators.get(config.estimator).takes_logits
        at_once = 1 if isinstance(repetitions, Repetitions) and not repetitions.kept else None
        integrals = exact_attribution.integrate(networks(repetitions), table, paths, pairs, sigmoid, at_once)
    return integrals if ranker is None else ranker_attribution.add(integrals, ranker, paths, pairs)


def _gradient_x_input(
    repetitions: Sequence[Repetition],
    table: np.ndarray,
    paths: Paths,
    pairs: Pairs,
    config: AttributionConfig,
    ranker: Optional[Ranker],
) -> PathIntegrals:
    """Returns the gradient at the points: the average over a path of length zero. A second path has the scores of the baselines."""
    exact = estimators.get(config.estimator).exact_attribution and not repetitions[0].multiclass
    config = dataclasses.replace(config, method="exact" if exact else "tape", steps=1)
    still = paths._replace(start=paths.start + paths.difference, difference=np.zeros_like(paths.difference))
    at_end, whole = (_integrated_gradients(repetitions, table, some, pairs, config, ranker) for some in (still, paths))
    return at_end._replace(baseline_scores=whole.baseline_scores)


def _bucket_logits(repetitions: Sequence[Repetition], index: int, batch: SparseBatch) -> tf.Tensor:
    logits = tape_attribution.of_weights(repetitions[index].weights)(batch)
    return log_odds(logits) if repetitions[index].multiclass else logits


def check_complete(
    integrals: PathIntegrals,
    paths: Paths,
    pairs: Pairs,
    config: AttributionConfig,
    point_ids: Optional[np.ndarray] = None,
) -> None:
    """Checks that every pair's attributions add up to its change of score.

    Args:
      integrals: of the pairs along the paths.
      paths, pairs, config, point_ids: as in `integrate`.

    Raises:
      InputError: a completeness gap exceeds 1% of |F(x) - F(x')| + 1e-4; the message names the worst pair.
    """
    gaps = np.abs(integrals.completeness_gaps(paths, pairs))
    allowed = RELATIVE_GAP * np.abs(integrals.scores - integrals.baseline_scores) + ABSOLUTE_GAP
    # A gap that is not a number counts as the largest.
    excess = np.where(np.isfinite(gaps), gaps / allowed, np.inf)
    if not len(excess) or excess.max() <= 1:
        return
    worst = int(excess.argmax())
    position = pairs.points()[worst]
    point = position if point_ids is None else point_ids[position]
    advice = "the weights are not finite or a value is too large for float64: check the model with mach-eval."
    if config.method == "tape":
        advice = f"raise steps (now {config.steps})"
        advice += " or use method='exact'." if config.estimator in EXACT_ESTIMATORS else "."
    raise InputError(
        f"Attributions must add up to F(x) - F(baseline) within {RELATIVE_GAP:.0%} + {ABSOLUTE_GAP:g}, but for point {point}, "
        f"label {pairs.labels[worst]} F changes by {integrals.scores[worst] - integrals.baseline_scores[worst]:.6g} and the "
        f"completeness gap is {gaps[worst]:.3g} ({int((excess > 1).sum())} of {len(excess)} explanations exceed it): {advice}"
    )
