"""What an attack did: metrics lost, success, cost, by label frequency; ready for robustness.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import scipy.sparse

from mach_tf.attacks import targets
from mach_tf.attacks.attack_run import Outcome
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.metrics import bootstrap, breakdown, ranking_metrics


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """What the report holds.

    Attributes:
      ks: cut-offs of the metrics.
      propensities: float [K], for the propensity-scored metrics; None leaves them out.
      groups: int8 [K], breakdown.label_groups of the training frequencies; None leaves the breakdown out.
      bootstrap: resamples for the intervals; 0 leaves them out.
      seed: of the resamples.
    """

    ks: Sequence[int] = (1, 3, 5)
    propensities: Optional[np.ndarray] = None
    groups: Optional[np.ndarray] = None
    bootstrap: int = 0
    seed: int = 0


def report(
    attack: Attack, clean: Outcome, outcomes: Sequence[Outcome], labels: scipy.sparse.csr_matrix, options: ReportOptions
) -> list[dict[str, Any]]:
    """One plain dict for each outcome.

    Args:
      attack: what was done.
      clean: the same points at epsilon 0.
      outcomes: under the attack.
      labels: the points' labels, [n, K] canonical CSR.
      options: what to report.

    Returns:
      For each outcome: the attack and its options; "metrics" in percent, "intervals" of them; "lost", by metric the
      clean value minus this one, and "lost_intervals", from the same resamples of points; "loss", the mean label-space
      loss; "success_rate" in percent and "attempts", see `success`; "relative_norm", mean and largest; "by_frequency".
    """
    before = ranking_metrics.per_point(clean.top_labels, labels, options.ks, options.propensities)
    return [_entry(attack, clean, outcome, before, labels, options) for outcome in outcomes]


def success(clean: Outcome, attacked: Outcome, labels: scipy.sparse.csr_matrix, objective: str) -> np.ndarray:
    """Whether the attack on each point worth attacking did what it was for.

    An untargeted attack is tried on points whose best-ranked label is true, and succeeds where it no longer is. A
    targeted one is tried on points that have a target; "push_out" succeeds where the target is not in the top k, "push_in"
    where it is.

    Args:
      clean, attacked: outcomes of the same n points.
      labels: [n, K] canonical CSR.
      objective: one of choices.ATTACK_OBJECTIVES.

    Returns:
      bool [attempts].
    """
    if attacked.targets is None:
        first_is_true = ranking_metrics.hits(clean.top_labels[:, :1], labels)[:, 0]
        return ~ranking_metrics.hits(attacked.top_labels[:, :1], labels)[first_is_true, 0]
    tried = attacked.targets != targets.NO_TARGET
    inside = (attacked.top_labels == attacked.targets[:, None]).any(axis=1)[tried]
    return inside if objective == "push_in" else ~inside


def _entry(
    attack: Attack,
    clean: Outcome,
    outcome: Outcome,
    before: dict[str, ranking_metrics.PerPoint],
    labels: scipy.sparse.csr_matrix,
    options: ReportOptions,
) -> dict[str, Any]:
    after = ranking_metrics.per_point(outcome.top_labels, labels, options.ks, options.propensities)
    succeeded = success(clean, outcome, labels, attack.objective)
    entry: dict[str, Any] = {
        "attack": attack.name,
        "epsilon": outcome.epsilon,
        **{name: value for name, value in dataclasses.asdict(attack).items() if _applies(attack, name)},
        "metrics": {
            **{name: metric.percent for name, metric in after.items()},
            **ranking_metrics.coverage(outcome.top_labels, labels, options.ks),
        },
        "lost": {name: before[name].percent - metric.percent for name, metric in after.items()},
        "loss": float(outcome.losses.mean()),
        "attempts": len(succeeded),
        "success_rate": 100 * float(succeeded.mean()) if len(succeeded) else 0.0,
        "relative_norm": {"mean": float(outcome.relative_norms.mean()), "max": float(outcome.relative_norms.max())},
    }
    if options.bootstrap:
        entry["intervals"] = bootstrap.intervals(after, options.bootstrap, options.seed)
        lost = bootstrap.paired_differences(before, after, options.bootstrap, options.seed)
        entry["lost_intervals"] = {name: (value.low, value.high) for name, value in lost.items()}
    if options.groups is not None:
        entry["by_frequency"] = breakdown.by_frequency(outcome.top_labels, labels, options.groups, max(options.ks))
    return entry


def _applies(attack: Attack, option: str) -> bool:
    """Whether an option has any effect on this attack."""
    if option in ("steps", "relative_step", "random_start"):
        return attack.method == "pgd"
    return option != "seed" or (attack.random_start and attack.method == "pgd") or attack.objective == "push_in"
