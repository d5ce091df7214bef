"""Chooses buckets and repetitions by what a MACH ensemble can tell apart and what it costs. Pure arithmetic."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Optional

import scipy.special

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.sizing import memory_plan, ranker_time, training_time
from mach_tf.sizing.machine import Machine
from mach_tf.sizing.memory_plan import FLOAT_BYTES, PROCESS_BYTES, Shapes
from mach_tf.training_config import TrainingConfig

MIN_LABELS = 2
# Per entry of the bucket table and of its inverse, and per split of the inverse.
_TABLE_BYTES = 4
_SPLIT_BYTES = 8
# Up to this number of bucket scores per point an ensemble is cheap, even if there are fewer labels.
_FEW_SCORES = 1 << 14


@dataclasses.dataclass(frozen=True)
class Problem:
    """The size of the data to learn from.

    Attributes:
      labels: K.
      columns: D, the model's input width.
      points: the number of training points.
      features: the mean number of features per point.
      labels_per_point: the mean number of labels per point.
      assumed: whether the two means are assumed rather than counted in a dataset; problems compare equal either way.
    """

    labels: int
    columns: int
    points: int
    features: float
    labels_per_point: float
    assumed: bool = dataclasses.field(default=False, compare=False)

    @property
    def ranker_sizes(self) -> tuple[int, int, float, float]:
        """What the estimates of `ranker_time` take."""
        return self.points, self.labels, self.features, self.labels_per_point

    @classmethod
    def of(cls, dataset: DatasetManifest) -> Problem:
        """Returns the problem that a dataset poses.

        Raises:
          InputError: the dataset has fewer than two labels.
        """
        if dataset.labels < MIN_LABELS:
            raise InputError(f"A plan needs a dataset of at least {MIN_LABELS} labels (got {dataset.labels}).")
        train = dataset.split("train")
        return cls(
            labels=dataset.labels,
            columns=dataset.columns,
            points=train.points,
            features=train.features / train.points,
            labels_per_point=train.labels / train.points,
        )


@dataclasses.dataclass(frozen=True)
class Plan:
    """A choice of B and R, with its estimated cost and failure figures.

    Attributes:
      buckets, repetitions: B and R.
      parameters: the number of parameters of all repetitions.
      training_bytes: the memory to train one repetition at a time.
      side_by_side: how many repetitions fit in the memory for training together, and the ranker after them, at most R; 0 if not even one does.
      ranker_bytes: the process's memory during the ranker's training, after the repetitions; 0 without a ranker.
      serving_bytes: the memory with all repetitions loaded.
      pair_collision: the probability that two given labels share a bucket in every repetition.
      any_pair_collision: a bound on the probability that any two labels do.
      confusable: the expected number of wrong labels per point that share a bucket with one of its own in at least half of the
        repetitions.
      step_seconds: the time of a step of one repetition; see training_time.
      training_seconds: the time of all repetitions and epochs, from the start of the program to its end, and of the ranker if the plan has one.
    """

    buckets: int
    repetitions: int
    parameters: int
    training_bytes: int
    side_by_side: int
    ranker_bytes: int
    serving_bytes: int
    pair_collision: float
    any_pair_collision: float
    confusable: float
    step_seconds: float
    training_seconds: float


def pair_collision(buckets: int, repetitions: int) -> float:
    """Returns the probability that two given labels share a bucket in every repetition, (1/B)^R."""
    return float(buckets) ** -repetitions


def any_pair_collision(labels: int, buckets: int, repetitions: int) -> float:
    """Returns a bound on the probability that any two labels are indistinguishable: K^2 (1/B)^R, at most 1.

    It is the failure probability delta for which `repetitions_needed` returns R.
    """
    return min(1.0, math.exp(2 * math.log(labels) - repetitions * math.log(buckets)))


def repetitions_needed(labels: int, buckets: int, delta: float) -> int:
    """Returns the smallest R with which all pairs of labels are distinguishable with probability at least 1 - delta.

    R >= 2 log(K / sqrt(delta)) / log B: Medini et al., "Extreme Classification in Log Memory", NeurIPS 2019, theorem 2.
    """
    return max(1, math.ceil(2 * math.log(labels / math.sqrt(delta)) / math.log(buckets)))


def confusable_labels(labels: int, labels_per_point: float, buckets: int, repetitions: int) -> float:
    """Returns the expected number of wrong labels per point that share a bucket with its own labels in at least R/2 repetitions.

    Even perfect classifiers score such a label at 1/2 or more. The number of repetitions in which a wrong label shares a bucket
    is binomial: R trials, each with the probability 1 - (1 - 1/B)^s that one of the point's s labels is in its bucket.
    """
    hit = -math.expm1(labels_per_point * math.log1p(-1 / buckets))
    return labels * float(scipy.special.bdtrc(math.ceil(repetitions / 2) - 1, repetitions, hit))


def serving_bytes(config: TrainingConfig, shapes: Shapes, repetitions: int, labels: int) -> int:
    """Returns the memory of an ensemble with all repetitions loaded: weights, bucket table, its inverse, and the process."""
    weights = memory_plan.plan(config, dataclasses.replace(shapes, replicas=1), 1).weights
    table = 2 * _TABLE_BYTES * labels + _SPLIT_BYTES * (shapes.buckets + 1)
    return PROCESS_BYTES + repetitions * (weights + table)


def make_plan(
    problem: Problem, machine: Machine, config: TrainingConfig, buckets: int, repetitions: int, ranker: bool = False
) -> Plan:
    """Returns the estimates for one choice of B and R, with or without a ranker."""
    shapes = Shapes(problem.columns, buckets, problem.features, labels=problem.labels)
    one = memory_plan.plan(config, shapes, 1)
    of_ranker = ranker_time.memory_bytes(*problem.ranker_sizes) if ranker else 0
    side_by_side = memory_plan.largest_group(config, shapes, repetitions, machine.memory - of_ranker)
    kept = memory_plan.plan(config, shapes, max(1, side_by_side)).total
    groups = math.ceil(repetitions / max(1, side_by_side))
    step = training_time.step_seconds(config, shapes, machine)
    seconds = training_time.training_seconds(config, problem.points, repetitions, groups, step)
    if ranker:
        seconds += ranker_time.ranker_seconds(*problem.ranker_sizes, machine)
    return Plan(
        buckets=buckets,
        repetitions=repetitions,
        parameters=repetitions * one.weights // FLOAT_BYTES,
        training_bytes=one.total,
        side_by_side=side_by_side,
        ranker_bytes=kept + of_ranker if ranker else 0,
        serving_bytes=serving_bytes(config, shapes, repetitions, problem.labels),
        pair_collision=pair_collision(buckets, repetitions),
        any_pair_collision=any_pair_collision(problem.labels, buckets, repetitions),
        confusable=confusable_labels(problem.labels, problem.labels_per_point, buckets, repetitions),
        step_seconds=step,
        training_seconds=seconds,
    )


def candidates(labels: int) -> tuple[list[int], list[int]]:
    """Returns numbers of buckets, from the series 1, 2, 5, 10, ..., and numbers of repetitions that suit K labels."""
    series = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    repetitions = [4, 8, 16, 32]
    # With fewer buckets than the square root of K, each holds more labels than there are buckets.
    fewest, most = max(2.0, math.sqrt(labels)), min(labels - 1, _most_scores(labels) // repetitions[0])
    return [buckets for buckets in series if fewest <= buckets <= most] or [labels], repetitions


def recommend(
    plans: Iterable[Plan], problem: Problem, machine: Machine, delta: float, seconds: float
) -> Optional[Plan]:
    """Returns the fastest plan to train among those that meet all rules.

    The rules: training one repetition, and the ranker after it, and serving all of them fit in the memory; training takes at most
    `seconds`; all labels are distinguishable with probability 1 - delta; a point has at most delta confusable labels; and R B is at most K (or
    16,384), because beyond that a single classifier of K outputs would be the smaller model. More buckets than the rules ask
    for did not help: each learns from fewer points.

    Args:
      plans: the plans to choose from.
      problem: the data that they are for.
      machine: the machine that they are for.
      delta: the accepted probability of failure.
      seconds: the accepted training time.

    Returns:
      The plan; None if no plan meets all rules.
    """
    allowed = [
        plan
        for plan in plans
        if plan.side_by_side >= 1
        and plan.serving_bytes <= machine.memory
        and plan.training_seconds <= seconds
        and plan.any_pair_collision <= delta
        and plan.confusable <= delta
        and plan.buckets * plan.repetitions <= _most_scores(problem.labels)
    ]
    return min(allowed, key=lambda plan: plan.training_seconds, default=None)


def nearest(plans: Iterable[Plan], machine: Machine, delta: float) -> Plan:
    """Returns the plan that comes nearest to the rules of `recommend` where none meets them all.

    That is, among the plans that fit the memory (among all if none does): the one that best distinguishes the labels, until
    the failure figures are below delta; of equals, the fastest to train.
    """
    plans = list(plans)
    fitting = [p for p in plans if p.side_by_side >= 1 and p.serving_bytes <= machine.memory]
    if not fitting:
        return min(plans, key=lambda plan: plan.training_bytes)
    return min(fitting, key=lambda p: (max(p.any_pair_collision, delta), max(p.confusable, delta), p.training_seconds))


def _most_scores(labels: int) -> int:
    return max(labels, _FEW_SCORES)


def make_plans(
    problem: Problem,
    machine: Machine,
    config: TrainingConfig,
    buckets: Sequence[int],
    repetitions: Sequence[int],
    ranker: bool = False,
) -> list[Plan]:
    """Returns the estimates for all combinations of `buckets` and `repetitions`, with or without a ranker."""
    return [make_plan(problem, machine, config, b, r, ranker) for b in buckets for r in repetitions]
