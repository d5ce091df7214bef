"""How small a perturbation changes a point's top label: between what is proved and what attacks find, by label frequency."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from mach_tf import progress_bars
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.attacks.minimal_epsilons import SMALLEST_SHARE, minimal_epsilons
from mach_tf.certificates.certificate_run import check_estimator
from mach_tf.certificates.proved_epsilon import proved_epsilons
from mach_tf.evaluation import tables
from mach_tf.evaluation.tables import Table
from mach_tf.metrics.breakdown import GROUPS
from mach_tf.network import Network
from mach_tf.points import Points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTILES = (10, 25, 50, 75, 90)


@dataclasses.dataclass(frozen=True)
class MinimalEpsilon(tables.ShownAsTable):
    """The smallest size of a perturbation that changes the top label of each point. print() shows a table.

    Attributes:
      largest: the largest size that was tried.
      top_labels: int [n], the top label of each unperturbed point.
      attacked: float64 [n], the smallest size at which an attack succeeded: an upper bound. Infinity if none did at `largest`.
      certified: float64 [n], a size up to which nothing can change the top label: a lower bound, 0 if none is certified. None if nothing was
        to be certified.
      groups: int8 [K], breakdown.label_groups of the training frequencies; None without them.
    """

    largest: float
    top_labels: np.ndarray
    attacked: np.ndarray
    certified: Optional[np.ndarray] = None
    groups: Optional[np.ndarray] = None

    def by_group(self) -> dict[str, np.ndarray]:
        """Returns which points belong to each row of the table, bool [n]: "all", and by the frequency of their top label."""
        found = {"all": np.ones(len(self.attacked), bool)}
        if self.groups is not None:
            found.update({name: self.groups[self.top_labels] == i for i, name in enumerate(GROUPS)})
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns quantiles of both bounds, for all points and by frequency; a quantile above `largest` is None."""
        rows = {}
        for name, chosen in self.by_group().items():
            rows[name] = {"points": int(chosen.sum()), "attacked": _quantiles(self.attacked[chosen])}
            if self.certified is not None:
                rows[name]["certified"] = _quantiles(self.certified[chosen])
        return {"largest": self.largest, "top_labels": rows}

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns both bounds of every point, by name: "top_labels", "attacked" and, if there is one, "certified"."""
        arrays = {"top_labels": self.top_labels, "attacked": self.attacked}
        return arrays if self.certified is None else {**arrays, "certified": self.certified}

    def table(self) -> Table:
        """Returns one row per group of top labels: points, and the quantiles of the bounds."""
        kinds = (
            {"attacked": self.attacked}
            if self.certified is None
            else {"certified": self.certified, "attacked": self.attacked}
        )
        headers = ["top label", "points", *(f"{kind} {quantile}%" for kind in kinds for quantile in _QUANTILES)]
        rows = [
            [name, str(int(chosen.sum())), *(_cell(value) for each in kinds.values() for value in _quantiles(each[chosen]).values())]
            for name, chosen in self.by_group().items()
        ]  # fmt: skip
        return Table(headers, rows, "minimal epsilon that changes the top label, quantiles over points")

    def figure(self) -> Figure:
        """Returns a figure of the share of points whose top label changes within each epsilon, by label frequency."""
        from mach_tf.evaluation import plots  # Matplotlib takes a while to import

        groups = {name: chosen for name, chosen in self.by_group().items() if chosen.any()}
        found = {name: self.attacked[chosen] for name, chosen in groups.items()}
        certified = (
            {name: self.certified[chosen] for name, chosen in groups.items()} if self.certified is not None else {}
        )
        return plots.minimal_epsilon_figure(found, certified, self.largest)


def minimal_epsilon(
    network: Network,
    points: Points,
    attack: Attack,
    largest: float,
    estimator: str,
    prove: bool = False,
    groups: Optional[np.ndarray] = None,
) -> MinimalEpsilon:
    """Bounds the smallest size of a perturbation that changes the top label of each point; progress goes to stderr.

    Args:
      network: the network.
      points: n hashed points.
      attack: its settings, as of `minimal_epsilons`.
      largest: the largest size that is tried.
      estimator: which estimator makes the label scores.
      prove: whether certificates give the lower bound.
      groups: int8 [K], breakdown.label_groups; None without label frequencies.
    """
    if prove:
        check_estimator(estimator)
    top_labels = network.decode(points.features(network.manifest.columns), 1, estimator).labels[:, 0]
    bar = progress_bars.of_rows("minimal epsilon")
    found = minimal_epsilons(network, points, top_labels, attack, largest, estimator, bar)
    certified = _proved(network, points, top_labels, attack, largest, found) if prove else None
    return MinimalEpsilon(largest, top_labels, found, certified, groups)


def _proved(
    network: Network, points: Points, top_labels: np.ndarray, attack: Attack, largest: float, found: np.ndarray
) -> np.ndarray:
    """Returns the largest size of a fixed list at which each top label is certified, by bisection; 0 if there is none."""
    with progress_bars.Bar("certify", len(points), "point") as bar:
        return proved_epsilons(
            network,
            points,
            top_labels,
            largest,
            SMALLEST_SHARE,
            attack.support,
            attack.clip_nonnegative,
            found,
            bar.update,
        )


def _quantiles(values: np.ndarray) -> dict[str, Optional[float]]:
    if not len(values):
        return {str(quantile): None for quantile in _QUANTILES}
    # Interpolation would return sizes of no point, and NaN between infinities.
    found = np.quantile(values, np.array(_QUANTILES) / 100, method="lower")
    return {str(quantile): float(value) if np.isfinite(value) else None for quantile, value in zip(_QUANTILES, found)}


def _cell(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.5f}"
