"""The results of trials of attributions, with their JSON and tables."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np
import tabulate

from mach_tf.errors import InputError
from mach_tf.metrics import bootstrap


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over points with its 95% bootstrap interval from `low` to `high`."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray, seed: int) -> Interval:
        """Returns the mean and the interval of one value per point, float [n]."""
        return cls(float(values.mean()), *bootstrap.mean_interval(values, seed=seed))

    def to_json(self) -> dict[str, float]:
        """Returns the fields as JSON values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def defined_interval(values: np.ndarray, model_dir: str, seed: int) -> Interval:
    """Returns the mean of those values that are numbers, and its interval.

    Args:
      values: one per point, float [n]; NaN where a measure is not defined.
      model_dir: the model, for the message.
      seed: seed of the interval.

    Raises:
      InputError: no value is a number.
    """
    defined = values[np.isfinite(values)]
    if not len(defined):
        raise InputError(
            "The attributions of at least one point must differ to have an order, but the model in "
            f"{model_dir} gives all features of a point the same: its scores hardly depend on them. Train it longer."
        )
    return Interval.of(defined, seed)


class MeanCurves(NamedTuple):
    """The mean score over points at each fraction of their features: without the first ones, and with the first ones only."""

    deletion: list[float]
    insertion: list[float]


class AreaBetween(NamedTuple):
    """The mean area between the curves of two orders, positive if the first deletes or inserts faster."""

    deletion: Interval
    insertion: Interval


class Ranked(NamedTuple):
    """One order of the features in a ranking.

    Attributes:
      name: the method of attribution, or "random".
      area: the area under the insertion curve less that under the deletion curve; the larger, the more faithful.
      behind: how much larger the area of the first order is, point by point; None for the first.
    """

    name: str
    area: Interval
    behind: Optional[Interval]

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        behind = None if self.behind is None else self.behind.to_json()
        return {"name": self.name, "area": self.area.to_json(), "behind": behind}


def ranking(areas: Mapping[str, np.ndarray], seed: int) -> tuple[Ranked, ...]:
    """Ranks orders by the mean of their areas.

    Args:
      areas: by name, the insertion less the deletion area of each of the same points, float [n].
      seed: seed of the intervals.
    """
    first, *_ = ordered = sorted(areas, key=lambda name: -float(areas[name].mean()))
    return tuple(
        Ranked(
            name,
            Interval.of(areas[name], seed),
            None if name == first else Interval.of(areas[first] - areas[name], seed),
        )
        for name in ordered
    )


class MethodMeasures(NamedTuple):
    """Measures of the attributions of one method; see `attribution_measures`.

    Attributes:
      gini: how sparse they are, from 0 to 1.
      infidelity: the mean squared difference between the sum of the attributions of removed features and the score lost; 0 is best.
      faithfulness_correlation: Pearson's correlation between the two; 1 is best.
    """

    gini: Interval
    infidelity: Interval
    faithfulness_correlation: Interval


@dataclasses.dataclass(frozen=True)
class Faithfulness:
    """The faithfulness of attributions: the score of each point's best label as features are removed or added.

    Attributes:
      fractions: the fractions of the features that are removed or added.
      curves: mean scores, by order.
      areas: by "A over B", how much faster order A deletes and inserts than order B.
      comprehensiveness: by order and fraction, the score lost without the first features.
      sufficiency: by order and fraction, the score lost with the first features only.
      ranking: the orders, the most faithful first.
      measures: by method, measures from the literature.
    """

    fractions: list[float]
    curves: dict[str, MeanCurves]
    areas: dict[str, AreaBetween]
    comprehensiveness: dict[str, dict[str, Interval]]
    sufficiency: dict[str, dict[str, Interval]]
    ranking: tuple[Ranked, ...] = ()
    measures: dict[str, MethodMeasures] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return {
            "fractions": self.fractions,
            "curves": {name: curves._asdict() for name, curves in self.curves.items()},
            "areas": {name: _intervals_json(area._asdict()) for name, area in self.areas.items()},
            "comprehensiveness": {name: _intervals_json(values) for name, values in self.comprehensiveness.items()},
            "sufficiency": {name: _intervals_json(values) for name, values in self.sufficiency.items()},
            "ranking": [order.to_json() for order in self.ranking],
            "measures": {name: _intervals_json(measured._asdict()) for name, measured in self.measures.items()},
        }

    def tables(self) -> list[str]:
        """Returns a table of the ranking, one of the areas, one of the scores lost and one of the measures."""
        ranked = [
            [place, _words(order.name), str(order.area), "" if order.behind is None else str(order.behind)]
            for place, order in enumerate(self.ranking, start=1)
        ]
        areas = [
            [_words(name), kind, interval.mean, interval.low, interval.high]
            for name, area in self.areas.items()
            for kind, interval in area._asdict().items()
        ]
        lost = [
            [measure, _words(name), *(interval.mean for interval in values.values())]
            for measure, by_order in (
                ("comprehensiveness: without the first", self.comprehensiveness),
                ("sufficiency: with the first only", self.sufficiency),
            )
            for name, values in by_order.items()
        ]
        fractions = next(iter(self.comprehensiveness.values()))
        measured = [[_words(name), *map(str, measures)] for name, measures in self.measures.items()]
        headers = ["rank", "order of features", "insertion - deletion area", "behind the first"]
        of_measures = ["attributions", "Gini index", "infidelity", "faithfulness correlation"]
        return [
            *([tabulate.tabulate(ranked, headers, disable_numparse=True)] if ranked else []),
            tabulate.tabulate(areas, ["area between curves", "curve", "mean", "95% from", "to"], floatfmt=".3f"),
            tabulate.tabulate(lost, ["score lost", "order of features", *fractions], floatfmt=".3f"),
            *([tabulate.tabulate(measured, of_measures, disable_numparse=True)] if measured else []),
        ]


@dataclasses.dataclass(frozen=True)
class Stability:
    """The change of the attributions of each point's best label under one FGSM step.

    Attributes:
      model: the model's directory.
      epsilon: size of the step.
      rank_correlation: Spearman's, between the attributions before and after.
      top_10_overlap: fraction of the 10 largest features that stay among the 10 largest.
      label_kept: fraction of points whose best label stays the best.
      max_sensitivity: the largest relative change of the attributions under random perturbations of the same size.
    """

    model: str
    epsilon: float
    rank_correlation: Interval
    top_10_overlap: Interval
    label_kept: Interval
    max_sensitivity: Interval

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class FaithfulnessTrial:
    """A trial of attributions: are they faithful to the model, and are they stable under an attack?

    Attributes:
      points: number of points in the sample.
      split: the split that they are from.
      label: which label of each point is explained.
      estimator: the estimator whose scores are explained.
      faithfulness: of the first model.
      stability: of each model, for each size of the step.
      randomisation: of the first model, by what was randomised: the rank correlation of the magnitudes with those of the model whose
        weights were permuted there.
    """

    points: int
    split: str
    label: str
    estimator: str
    faithfulness: Faithfulness
    stability: tuple[Stability, ...]
    randomisation: dict[str, Interval] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the content of faithfulness.json."""
        return {
            "points": self.points,
            "split": self.split,
            "label": self.label,
            "estimator": self.estimator,
            **self.faithfulness.to_json(),
            "stability": [row.to_json() for row in self.stability],
            "randomisation": _intervals_json(self.randomisation),
        }

    def table(self) -> str:
        """Returns all results as tables."""
        stable = [
            [
                _name(row.model),
                row.epsilon,
                *map(str, (row.rank_correlation, row.top_10_overlap, row.label_kept, row.max_sensitivity)),
            ]
            for row in self.stability
        ]
        headers = ["under one FGSM step", "epsilon", "rank correlation", "top-10 overlap", "best label kept"]
        tables = [
            *self.faithfulness.tables(),
            tabulate.tabulate(stable, [*headers, "max-sensitivity"], disable_numparse=[0, 2, 3, 4, 5]),
        ]
        if self.randomisation:
            randomised = [[name, str(interval)] for name, interval in self.randomisation.items()]
            tables.append(
                tabulate.tabulate(randomised, ["permuted weights", "rank correlation"], disable_numparse=True)
            )
        return "\n\n".join(tables)

    def __str__(self) -> str:
        return self.table()


def _intervals_json(values: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in values.items()}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _name(model_dir: str) -> str:
    return os.path.basename(os.path.normpath(model_dir))
