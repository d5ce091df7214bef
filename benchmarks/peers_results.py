"""The results of a comparison: all arms scored by the same code, tables, and the intervals of paired differences."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import scipy.sparse

from benchmarks import peers_arms
from mach_tf import files
from mach_tf.metrics import bootstrap, ranking_metrics
from mach_tf.metrics.bootstrap import Difference
from mach_tf.metrics.propensity import CONSTANTS, propensities
from mach_tf.metrics.ranking_metrics import PerPoint

KS = (1, 3, 5)
METRICS = tuple(f"{name}@{k}" for name in ("P", "nDCG", "PSP") for k in KS)
# What the differences are shown of.
COMPARED = ("P@1", "P@3", "P@5", "PSP@1", "PSP@3", "PSP@5")
_COSTS = ("train s", "train CPU s", "ms/point", "CPU ms/point", "disk MB", "train MB", "predict MB")


@dataclasses.dataclass(frozen=True)
class Cell:
    """An arm on a data set in a shape, the mean of its seeds.

    Attributes:
      arm: its name.
      seeds: how many runs it is the mean of.
      per_point: by metric, each point's part.
      costs: by the names of the table, the mean of the runs.
      deviation: by metric, the standard deviation of the runs in percent; 0 for one run.
      runs: what each run measured.
    """

    arm: str
    seeds: int
    per_point: Mapping[str, PerPoint]
    costs: Mapping[str, float]
    deviation: Mapping[str, float]
    runs: Sequence[Mapping[str, Any]]

    @property
    def ours(self) -> bool:
        """Whether the arm is mach_tf's."""
        return self.arm not in peers_arms.PEERS

    def to_json(self) -> dict[str, Any]:
        """Returns metrics in percent, costs and runs as plain values."""
        metrics = {name: round(metric.percent, 3) for name, metric in self.per_point.items()}
        costs = {name: round(value, 3) for name, value in self.costs.items()}
        return {
            "seeds": self.seeds,
            "metrics": metrics,
            "deviation": dict(self.deviation),
            "costs": costs,
            "runs": [*self.runs],
        }


def read_cell(data: str, arm: str, outputs: Sequence[str]) -> Cell:
    """Scores an arm.

    Args:
      data: the folder of the files that arms read.
      arm: its name.
      outputs: the paths of its runs' results, without endings; at least one.
    """
    truth, train = (scipy.sparse.load_npz(os.path.join(data, f"{name}.y.npz")).tocsr() for name in ("test", "train"))
    counts = np.bincount(train.indices, minlength=train.shape[1])
    weights = propensities(counts, train.shape[0], *CONSTANTS["default"])
    runs = [files.read_json(f"{output}.json", peers_arms.RESULTS) for output in outputs]
    scored = []
    for output in outputs:
        with np.load(f"{output}.npz") as found:
            top = found["labels"]
        found_all = ranking_metrics.per_point(top, truth, [k for k in KS if k <= top.shape[1]], weights)
        scored.append({name: metric for name, metric in found_all.items() if name in METRICS})
    means = {
        name: PerPoint(np.mean([run[name].numerator for run in scored], axis=0), scored[0][name].denominator)
        for name in scored[0]
    }
    spread = {name: round(float(np.std([run[name].percent for run in scored])), 3) for name in means}
    costs = [
        (
            run["train"]["seconds"],
            run["train"]["cpu_seconds"],
            run["predict"]["milliseconds_per_point"],
            1000 * run["predict"]["cpu_seconds"] / max(truth.shape[0], 1),
            run["model_mb"],
            run["train"]["peak_mb"],
            run["predict"]["peak_mb"],
        )
        for run in runs
    ]
    return Cell(arm, len(runs), means, dict(zip(_COSTS, np.mean(costs, axis=0).tolist())), spread, runs)


def differences(cells: Iterable[Cell], samples: int) -> dict[str, dict[str, dict[str, Difference]]]:
    """Returns, by the name of each of our arms and of each peer, ours minus the peer's, with paired 95% intervals.

    Args:
      cells: the arms on one data set in one shape.
      samples: the number of bootstrap resamples.
    """
    cells = list(cells)
    return {
        our.arm: {
            peer.arm: bootstrap.paired_differences(our.per_point, peer.per_point, samples)
            for peer in cells
            if not peer.ours
        }
        for our in cells
        if our.ours
    }


def ratios(cells: Iterable[Cell]) -> dict[str, float]:
    """Returns our seconds of training over each peer's, and likewise the other costs, by "train s: plan-clean/xr-linear"."""
    cells = list(cells)
    return {
        f"{cost}: {our.arm}/{peer.arm}": round(our.costs[cost] / peer.costs[cost], 2)
        for our in cells
        for peer in cells
        for cost in _COSTS
        if our.ours and not peer.ours and peer.costs[cost]
    }


def metrics_table(results: Mapping[str, Sequence[Cell]]) -> str:
    """Returns a Markdown table with a row per data set and arm.

    Args:
      results: by the data set's name, its arms.
    """
    headers = ["set", "method", "runs", "P@1/3/5", "nDCG@1/3/5", "PSP@1/3/5", *_COSTS]
    rows = []
    for name, cells in results.items():
        for cell in cells:
            values = ["/".join(_percent(cell, f"{metric}@{k}") for k in KS) for metric in ("P", "nDCG", "PSP")]
            rows.append([name, cell.arm, str(cell.seeds), *values, *(f"{cell.costs[cost]:.3g}" for cost in _COSTS)])
    return markdown(headers, rows)


def best_peer_table(results: Mapping[str, Sequence[Cell]], samples: int) -> str:
    """Returns a Markdown table of our arms minus the peer that is best at each metric, with paired 95% intervals.

    Args:
      results: by the data set's name, its arms.
      samples: the number of bootstrap resamples.
    """
    rows = []
    for name, cells in results.items():
        compared = differences(cells, samples)
        for arm, peers in compared.items():
            cells_of_row = [_against_best(cells, peers, metric) for metric in COMPARED]
            rows.append([name, arm, *cells_of_row])
    return markdown(["set", "ours", *COMPARED], rows)


def _against_best(cells: Sequence[Cell], peers: Mapping[str, Mapping[str, Difference]], metric: str) -> str:
    best = max(
        (cell for cell in cells if not cell.ours and metric in cell.per_point),
        key=lambda cell: cell.per_point[metric].percent,
        default=None,
    )
    found: Optional[Difference] = None if best is None else peers[best.arm].get(metric)
    if best is None or found is None:
        return ""
    return f"{found.difference:+.2f} [{found.low:+.2f}, {found.high:+.2f}] {best.arm}"


def _percent(cell: Cell, metric: str) -> str:
    return f"{cell.per_point[metric].percent:.2f}" if metric in cell.per_point else "-"


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (headers, ["---"] * len(headers), *rows))
