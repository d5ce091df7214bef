"""Integrated Gradients of an ensemble's label scores, by either method, never incomplete."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from mach_tf import estimators
from mach_tf.choices import ATTRIBUTION_METHODS
from mach_tf.classifier import SparseBatch, Weights
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, EXACT_ESTIMATORS
from mach_tf.explanations.integrated_gradients import exact_attribution, tape_attribution
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, Paths
from mach_tf.repetitions import Repetitions
from mach_tf.saved_repetition import Repetition

# The largest completeness gap that is let pass, relative to |F(x) - F(x')| and added to it.
RELATIVE_GAP, ABSOLUTE_GAP = 0.01, 1e-4


@dataclasses.dataclass(frozen=True)
class Attribution:
    """How label scores are explained.

    Attributes:
      estimator: of the label score that is explained.
      method: "exact", the closed form; or "tape", quadrature with tf.GradientTape.
      steps: nodes of the quadrature.
      rule: where they are, one of choices.QUADRATURE_RULES.
    """

    estimator: str = DEFAULT_ESTIMATOR
    method: str = "exact"
    steps: int = 64
    rule: str = "gauss_legendre"

    def __post_init__(self) -> None:
        entry = estimators.get(self.estimator)
        if self.method not in ATTRIBUTION_METHODS:
            raise ValueError(f"method must be one of {ATTRIBUTION_METHODS} (got {self.method!r})")
        if self.method == "exact" and not entry.exact_attribution:
            raise InputError(
                f"--method=exact explains the estimators {' and '.join(EXACT_ESTIMATORS)} (got {self.estimator}): "
                f"{self.estimator} selects a repetition anew wherever two of them cross along the path, and the closed form "
                "knows only where hidden units switch. Use --method=tape, which follows the selection step by step."
            )


def networks(repetitions: Sequence[Repetition]) -> Iterator[Weights]:
    """Yields the weights as arrays; on the CPU these are views of the variables, not copies."""
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
    settings: Attribution,
    point_ids: Optional[np.ndarray] = None,
) -> PathIntegrals:
    """Integrates the label scores' gradients along paths.

    Args:
      repetitions: the R repetitions; of those that are not kept in memory, the exact method takes each once.
      table: int32 [R, K], the bucket of each label in each repetition.
      paths: n paths in hashed features.
      pairs: the labels to explain of each of the n points.
      settings: how.
      point_ids: int64 [n], what the points are called in a message; their positions by default.

    Raises:
      InputError: the attributions of a pair do not add up; the message names point and label.
    """
    if settings.method == "exact":
        sigmoid = not estimators.get(settings.estimator).takes_logits
        at_once = 1 if isinstance(repetitions, Repetitions) and not repetitions.kept else None
        integrals = exact_attribution.integrate(networks(repetitions), table, paths, pairs, sigmoid, at_once)
    else:
        functions = [functools.partial(_bucket_logits, repetitions, index) for index in range(len(repetitions))]
        integrals = tape_attribution.integrate(
            functions, table, paths, pairs, settings.estimator, settings.steps, settings.rule
        )
    check_complete(integrals, paths, pairs, settings, point_ids)
    return integrals


def _bucket_logits(repetitions: Sequence[Repetition], index: int, batch: SparseBatch) -> tf.Tensor:
    return tape_attribution.of_weights(repetitions[index].weights)(batch)


def check_complete(
    integrals: PathIntegrals, paths: Paths, pairs: Pairs, settings: Attribution, point_ids: Optional[np.ndarray] = None
) -> None:
    """Raises InputError, naming the worst pair, if a completeness gap exceeds 1% of |F(x) - F(x')| + 1e-4."""
    gaps = np.abs(integrals.completeness_gaps(paths, pairs))
    allowed = RELATIVE_GAP * np.abs(integrals.scores - integrals.baseline_scores) + ABSOLUTE_GAP
    # A gap that is not a number is the largest of all.
    excess = np.where(np.isfinite(gaps), gaps / allowed, np.inf)
    if not len(excess) or excess.max() <= 1:
        return
    worst = int(excess.argmax())
    position = pairs.points()[worst]
    point = position if point_ids is None else point_ids[position]
    advice = "the weights are not finite or a value is too large for float64: check the model with python -m eval.main."
    if settings.method == "tape":
        advice = f"raise --steps (now {settings.steps})"
        advice += " or use --method=exact." if settings.estimator in EXACT_ESTIMATORS else "."
    raise InputError(
        f"Attributions must add up to F(x) - F(baseline) within {RELATIVE_GAP:.0%} + {ABSOLUTE_GAP:g}, but for point {point}, "
        f"label {pairs.labels[worst]} F changes by {integrals.scores[worst] - integrals.baseline_scores[worst]:.6g} and the "
        f"completeness gap is {gaps[worst]:.3g} ({int((excess > 1).sum())} of {len(excess)} explanations exceed it): {advice}"
    )
