"""The effect of an attack on a network's metrics: metrics lost, success, cost, by label frequency."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import scipy.sparse

from mach_tf.attacks import targets
from mach_tf.attacks.attack_run import Outcome
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.metrics import bootstrap, breakdown, ranking_metrics
from mach_tf.metrics.breakdown import LabelGroup
from mach_tf.metrics.ranking_metrics import PerPoint

Intervals = Mapping[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """The options of a report.

    Attributes:
      ks: cut-offs of the metrics.
      propensities: float [K], for the propensity-scored metrics; None leaves them out.
      groups: int8 [K], breakdown.label_groups of the training frequencies; None leaves the breakdown out.
      bootstrap: number of resamples for the intervals; 0 leaves them out.
      seed: seed of the resamples.
    """

    ks: Sequence[int] = (1, 3, 5)
    propensities: Optional[np.ndarray] = None
    groups: Optional[np.ndarray] = None
    bootstrap: int = 0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class RelativeNorm:
    """Euclidean norm of the perturbations divided by that of the points: its mean and its maximum over points."""

    mean: float
    max: float


@dataclasses.dataclass(frozen=True)
class AttackEntry:
    """The result of one attack of one size on one network.

    Attributes:
      attack: the attack.
      epsilon: its size, of an attack on words their number; 0 for the clean points.
      metrics: the metrics under attack, in percent, by name.
      lost: by metric, the clean value minus the value under attack, in percentage points.
      loss: mean label-space loss under attack.
      attempts: number of points that the attack was tried on; see `success`.
      success_rate: percentage of the attempts that succeeded.
      success_of_parts: that of each attack of which the strongest is made, by name; empty for a single attack.
      relative_norm: size of the perturbations relative to the points.
      intervals: 95% intervals of the metrics, in percent; None without a bootstrap.
      lost_intervals: 95% intervals of what was lost, from resampling the same points for both values; None without one.
      by_frequency: what head, torso and tail labels contribute under attack; None without label groups.
    """

    attack: Attack
    epsilon: float
    metrics: Mapping[str, float]
    lost: Mapping[str, float]
    loss: float
    attempts: int
    success_rate: float
    relative_norm: RelativeNorm
    intervals: Optional[Intervals] = None
    lost_intervals: Optional[Intervals] = None
    by_frequency: Optional[Mapping[str, LabelGroup]] = None
    success_of_parts: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def words(self) -> Optional[int]:
        """The number of words that the attack may change; None if it changes values by up to epsilon."""
        return int(self.epsilon) if self.attack.of_words else None

    def to_json(self) -> dict[str, Any]:
        """Returns an entry of robustness.json, with "words" or "epsilon" as its size; parts that are None are left out."""
        entry: dict[str, Any] = {
            "attack": self.attack.name,
            **({"words": self.words} if self.attack.of_words else {"epsilon": self.epsilon}),
            **self.attack.to_json(),
            "metrics": dict(self.metrics),
            "lost": dict(self.lost),
            "loss": self.loss,
            "attempts": self.attempts,
            "success_rate": self.success_rate,
            "relative_norm": dataclasses.asdict(self.relative_norm),
        }
        for name, intervals in (("intervals", self.intervals), ("lost_intervals", self.lost_intervals)):
            if intervals is not None:
                entry[name] = {metric: list(interval) for metric, interval in intervals.items()}
        if self.success_of_parts:
            entry["success_of_parts"] = dict(self.success_of_parts)
        if self.by_frequency is not None:
            entry["by_frequency"] = {name: group.to_json() for name, group in self.by_frequency.items()}
        return entry


def report(
    attack: Attack, clean: Outcome, outcomes: Sequence[Outcome], labels: scipy.sparse.csr_matrix, options: ReportOptions
) -> list[AttackEntry]:
    """Computes one entry per outcome.

    Args:
      attack: the attack.
      clean: the outcome of the same points at epsilon 0.
      outcomes: the outcomes under the attack.
      labels: the points' labels, [n, K] canonical CSR.
      options: what to report.
    """
    before = ranking_metrics.per_point(clean.top_labels, labels, options.ks, options.propensities)
    return [_entry(attack, clean, outcome, before, labels, options) for outcome in outcomes]


def success(clean: Outcome, attacked: Outcome, labels: scipy.sparse.csr_matrix, objective: str) -> np.ndarray:
    """Returns for each point that the attack was tried on whether it reached its objective.

    An attack on the loss or on a margin of true labels is tried on points whose best-ranked label is true, and succeeds if it no
    longer is. "top_label" is tried on all points and succeeds if the best label is another. A targeted attack is tried on points
    that have a target; "push_out" succeeds if the target is not in the top k, "push_in" if it is.

    Args:
      clean, attacked: outcomes of the same n points.
      labels: [n, K] canonical CSR.
      objective: one of choices.ATTACK_OBJECTIVES.

    Returns:
      bool [attempts].
    """
    if attacked.targets is None:
        first_is_true = ranking_metrics.hits(clean.top_labels[:, :1], labels)[:, 0]
        left = [ranking_metrics.hits(each.top_labels[:, :1], labels)[:, 0] for each in attacked.alternatives]
        return ~np.all(left, axis=0)[first_is_true]
    tried = attacked.targets != targets.NO_TARGET
    if objective == "top_label":
        return attacked.top_labels[tried, 0] != attacked.targets[tried]
    inside = (attacked.top_labels == attacked.targets[:, None]).any(axis=1)[tried]
    return inside if objective == "push_in" else ~inside


def _worst(alternatives: Sequence[Mapping[str, PerPoint]]) -> dict[str, PerPoint]:
    """Returns each metric with the smallest value of every point."""
    first = alternatives[0]
    return {
        name: PerPoint(np.min([each[name].numerator for each in alternatives], axis=0), first[name].denominator)
        for name in first
    }


def _entry(
    attack: Attack,
    clean: Outcome,
    outcome: Outcome,
    before: dict[str, PerPoint],
    labels: scipy.sparse.csr_matrix,
    options: ReportOptions,
) -> AttackEntry:
    after = _worst(
        [
            ranking_metrics.per_point(each.top_labels, labels, options.ks, options.propensities)
            for each in outcome.alternatives
        ]
    )
    succeeded = success(clean, outcome, labels, attack.objective)
    intervals, lost_intervals, groups = None, None, None
    if options.bootstrap:
        intervals = bootstrap.intervals(after, options.bootstrap, options.seed)
        lost = bootstrap.paired_differences(before, after, options.bootstrap, options.seed)
        lost_intervals = {name: (value.low, value.high) for name, value in lost.items()}
    if options.groups is not None:
        groups = breakdown.by_frequency(outcome.top_labels, labels, options.groups, max(options.ks))
    return AttackEntry(
        attack=attack,
        epsilon=outcome.epsilon,
        metrics=ranking_metrics.summarize(after, outcome.top_labels, labels, options.ks),
        lost={name: before[name].percent - metric.percent for name, metric in after.items()},
        loss=float(outcome.losses.mean()),
        attempts=len(succeeded),
        success_rate=_percent(succeeded),
        relative_norm=RelativeNorm(float(outcome.relative_norms.mean()), float(outcome.relative_norms.max())),
        intervals=intervals,
        lost_intervals=lost_intervals,
        by_frequency=groups,
        success_of_parts={
            name: _percent(success(clean, part, labels, "margin")) for name, part in outcome.parts.items()
        },
    )


def _percent(succeeded: np.ndarray) -> float:
    return 100 * float(succeeded.mean()) if len(succeeded) else 0.0
