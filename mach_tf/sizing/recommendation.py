"""Rules for the training settings of new data, derived from the data sets whose settings were tuned.

The measurements behind the rules are in docs/benchmarks/accuracy.md, "Settings by rule", and in decisions 55 and 57.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mach_tf.errors import InputError
from mach_tf.sizing import flagfile, planning, ranker_time, tables
from mach_tf.sizing.machine import Machine
from mach_tf.sizing.memory_plan import PROCESS_BYTES
from mach_tf.sizing.planning import Plan, Problem
from mach_tf.training_config import TrainingConfig

DEFAULT_DELTA = 0.01

_STEPS = 1000
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 16
# From this many points on `rowwise` is as accurate as LaProp and takes less time; with a few hundred points it is less accurate.
_ROWWISE_POINTS = 4000
# With it, steps of 256 points that are enough for many points of labels that are not rare.
_ROWWISE_STEPS = 850
_BATCH, _LARGE_BATCH = 256, 512
_MANY_POINTS = 60_000
_FEW_POINTS = 20_000
# Training points per label, on average. Below it, most of what there is to learn is rare.
_RARE = 8.0
# Up to this many labels get this many buckets. With fewer buckets than labels most labels would share theirs, and telling
# them apart would take many repetitions, whose number costs more than that of the buckets.
_FEW_LABELS = 50
# The smallest data need smaller batches, for enough steps in as many epochs.
_SMALLEST_BATCH = 8
_STEPS_PER_EPOCH = 16
# Beside a ranker, from _FEW_POINTS on, half of the hidden units and less dropout are nearly as accurate; from _MANY_POINTS on, where labels are rare, so
# are fewer steps.
_FEWER_UNITS, _LESS_DROPOUT, _RARE_STEPS = 256, 0.1, 700
# Training points per label, on average, up to which a ranker helps: beyond it the ensemble knows the labels well.
_FREQUENT = 100.0
# Points x labels up to which plans train a ranker: a little more than those of Amazon-670K, where it raises P@5 by 3.6 points. With more labels and
# points decoding becomes slow, and a whole ranker was not trained.
_MOST_PAIRS = 35 * 10**10


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A training recommended for a problem, and the alternatives it was chosen from. print() shows a table and the choice.

    Attributes:
      problem: the data.
      machine: what the training must fit.
      delta: the accepted probability of failure.
      config: the training settings, the same for all plans.
      ranker: whether the plans train a ranker too.
      plans: one per combination of buckets and repetitions.
      best: the fastest plan that meets all rules of `planning.recommend`; None if no plan does.
    """

    problem: Problem
    machine: Machine
    delta: float
    config: TrainingConfig
    ranker: bool
    plans: tuple[Plan, ...]
    best: Optional[Plan]

    @property
    def nearest(self) -> Plan:
        """The best plan, or the one that comes nearest to the rules if no plan meets them all."""
        return self.best or planning.nearest(self.plans, self.machine, self.delta)

    def to_json(self) -> dict[str, Any]:
        """Returns all fields as values that JSON can hold."""
        return dataclasses.asdict(self)

    def flags(self) -> list[str]:
        """Returns the flags of train.main for the best plan, one `--name=value` each; none if no plan meets the rules."""
        return flagfile.lines(self.best, self.config, self.ranker) if self.best else []

    def write(self, path: str) -> None:
        """Writes the best plan as a new flagfile of train.main, whole or not at all.

        Args:
          path: the file to write; its folder must exist.

        Raises:
          InputError: no plan meets the rules, `path` exists, or its folder does not.
        """
        flagfile.check_new(path)
        if self.best is None:
            raise InputError(f"{path} was not written: none of the plans fits. See above for what to change.")
        flagfile.write(path, self.problem, self.best, self.flags())

    def __str__(self) -> str:
        lines = [tables.plans_table(self.plans, self.best), "", tables.machine_line(self.machine)]
        if self.problem.assumed:
            means = f"{self.problem.features:g} features and {self.problem.labels_per_point:g} labels per point"
            lines.append(f"Assumed: {means}.")
        if self.best is None:
            rowwise = "" if self.config.optimizer == "rowwise" else ", or give --optimizer=rowwise for memory"
            lines.append(
                "None of these fits the memory, the hours and the failure probability. Lower --hidden_units, --epochs or "
                f"--feature_hash_dim for memory and time{rowwise}; raise --hours, --repetitions or --buckets."
            )
        else:
            needed = planning.repetitions_needed(self.problem.labels, self.best.buckets, self.delta)
            lines += [
                f"Recommended: {' '.join(self.flags())}",
                *([self._ranker_line(self.best)] if self.ranker else []),
                f"To distinguish all pairs of labels with probability {1 - self.delta:g}, B = {self.best.buckets:,} needs "
                f"R >= {needed}.",
            ]
        return "\n".join(lines)

    def _ranker_line(self, plan: Plan) -> str:
        seconds, memory = ranker_time.ranker_seconds(*self.problem.ranker_sizes, self.machine), plan.ranker_bytes
        return (
            f"The ranker takes about {seconds:,.0f} s of these hours, after the repetitions. The process then needs {tables.gigabytes(memory)} of memory, "
            "with what TensorFlow keeps of their training."
        )


def recommend(
    problem: Problem,
    machine: Machine,
    given: Optional[Mapping[str, Any]] = None,
    buckets: Sequence[int] = (),
    repetitions: Sequence[int] = (),
    delta: float = DEFAULT_DELTA,
    seconds: float = math.inf,
    ranker: Optional[bool] = None,
) -> Recommendation:
    """Recommends buckets, repetitions and training settings.

    Args:
      problem: the data.
      machine: what the training must fit.
      given: training settings that are not left to the rules, by the names of TrainingConfig's fields.
      buckets: the numbers of buckets to choose from; by default a range that suits the number of labels.
      repetitions: the numbers of repetitions to choose from; by default 4, 8, 16 and 32.
      delta: the accepted probability of failure.
      seconds: the accepted training time of all repetitions; infinite by default.
      ranker: False if no ranker will be trained, whatever the rules say; otherwise they decide, and whether it fits the memory beside a repetition.
    """
    given = dict(given or {})
    batch_size, optimizer = given.get("batch_size"), given.get("optimizer")
    config = TrainingConfig(**{**settings(problem, batch_size, optimizer), **given})
    ranked = ranker is not False and trains_ranker(problem, config, machine)
    if ranked and not config.is_adversarial:
        config = TrainingConfig(**{**settings(problem, batch_size, optimizer, beside_ranker=True), **given})
    usual_buckets, usual_repetitions = planning.candidates(problem.labels)
    if problem.labels <= _FEW_LABELS:
        usual_buckets = [_FEW_LABELS]
    sizes = buckets or usual_buckets, repetitions or usual_repetitions
    plans = planning.make_plans(problem, machine, config, *sizes, ranker=ranked)
    best = planning.recommend(plans, problem, machine, delta, seconds)
    # Without a ranker more plans fit the memory, unless it is another rule that none of them meets.
    if ranked and best is None and not all(plan.side_by_side for plan in plans):
        without = recommend(problem, machine, given, buckets, repetitions, delta, seconds, ranker=False)
        if without.best or not any(plan.side_by_side for plan in plans):
            return without
    return Recommendation(problem, machine, delta, config, ranked, tuple(plans), best)


def trains_ranker(problem: Problem, config: TrainingConfig, machine: Machine) -> bool:
    """Returns whether plans for such data train a ranker: unless most labels have many points, it takes more memory than the machine
    has, or there are more points times labels than a whole ranker was trained on, where decoding becomes slow.
    """
    fits = PROCESS_BYTES + ranker_time.memory_bytes(*problem.ranker_sizes) <= machine.memory
    frequent = problem.points * problem.labels_per_point > _FREQUENT * problem.labels
    return not config.multiclass and not frequent and fits and problem.points * problem.labels <= _MOST_PAIRS


def is_for_few_labels(buckets: int, labels: int) -> bool:
    """Returns whether the rules themselves may choose this number of buckets although there are fewer labels."""
    return labels <= _FEW_LABELS == buckets


def settings(
    problem: Problem, batch_size: Optional[int] = None, optimizer: Optional[str] = None, beside_ranker: bool = False
) -> dict[str, Any]:
    """Returns training settings for such data, by the names of TrainingConfig's fields and of train.main's flags.

    The rules keep the number of steps the same, as far as the bounds on the number of epochs allow. Where labels have many
    points, dropout, and an optimizer that takes shorter steps for rare features, prevent that points are memorised; where
    labels have few points, both would prevent that rare labels are learned at all.

    Args:
      problem: the data.
      batch_size: points per step, if that is settled; by default it is chosen too.
      optimizer: the optimizer, if that is settled; by default it is chosen too.
      beside_ranker: whether the training is clean and a ranker is trained too, which knows the labels that a smaller ensemble knows less of.
    """
    few = max(_SMALLEST_BATCH, round(problem.points / _STEPS_PER_EPOCH))
    usual = min(problem.points, few, _LARGE_BATCH if problem.points >= _MANY_POINTS else _BATCH)
    optimizer = optimizer or ("rowwise" if problem.points >= _ROWWISE_POINTS else TrainingConfig.optimizer)
    rare = problem.points * problem.labels_per_point < _RARE * problem.labels
    fast = optimizer == "rowwise" and problem.points >= _FEW_POINTS and not rare
    small = beside_ranker and optimizer == "rowwise" and problem.points >= _FEW_POINTS
    steps = _ROWWISE_STEPS if fast else _RARE_STEPS if small and problem.points >= _MANY_POINTS else _STEPS
    epochs = min(max(round(steps * (batch_size or usual) / problem.points), _FEWEST_EPOCHS), _MOST_EPOCHS)
    if fast:
        usual = _LARGE_BATCH  # half of the steps in as many epochs, at a higher rate
    return {
        **({"hidden_units": _FEWER_UNITS} if small else {}),
        "dropout": 0.0 if rare else _LESS_DROPOUT if small else 0.3,
        "epochs": epochs,
        "batch_size": batch_size or usual,
        "optimizer": optimizer,
        "learning_rate": 0.01 if rare else 0.03 if fast else 0.02,
        "optimizer_epsilon": TrainingConfig.optimizer_epsilon
        if rare
        else 1e-3
        if problem.points < _FEW_POINTS
        else 1e-4,
    }
