"""Leave one data set out: what a choice among candidates gains on the data set that it was not made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.peers_results import Cell, markdown
from benchmarks.rule_candidates import TODAY

# By data set and shape, and then by candidate.
Gains = dict[tuple[str, str], dict[str, float]]


class Choice(NamedTuple):
    """What was chosen with one data set left out.

    Attributes:
      left_out: the data set.
      candidate: the candidate that gains most on the others.
      gain_elsewhere: its mean gain on the others, in percentage points.
      gain: its mean gain on the data set that was left out.
      best: the candidate that gains most on that data set; a choice made elsewhere does not know it.
      best_gain: its mean gain there.
    """

    left_out: str
    candidate: str
    gain_elsewhere: float
    gain: float
    best: str
    best_gain: float


def gains(cells: Mapping[tuple[str, str], Mapping[str, Cell]], metrics: Sequence[str]) -> Gains:
    """Returns each candidate's gain over today's rules in percentage points, the mean over metrics.

    Args:
      cells: by data set and shape, and then by candidate, the measurements; TODAY is among the candidates.
      metrics: the names of the metrics to average.
    """
    score = {key: {name: _score(cell, metrics) for name, cell in found.items()} for key, found in cells.items()}
    return {key: {name: value - found[TODAY] for name, value in found.items()} for key, found in score.items()}


def choices(gains: Gains) -> list[Choice]:
    """Leaves each data set out in turn; nothing if there is only one.

    A candidate is eligible if it was measured on everything. Every data set counts the same, however many shapes it has. Of candidates with
    equal gains the first counts, so that today's rules stay where nothing gains.
    """
    eligible = [name for name in next(iter(gains.values()), {}) if all(name in found for found in gains.values())]
    names = list(dict.fromkeys(name for name, _ in gains))
    by_set = {
        candidate: {name: _mean([found[candidate] for (of, _), found in gains.items() if of == name]) for name in names}
        for candidate in eligible
    }
    found = []
    for left_out in names if len(names) > 1 else []:
        elsewhere = {c: _mean([of[name] for name in names if name != left_out]) for c, of in by_set.items()}
        chosen = max(eligible, key=lambda candidate: elsewhere[candidate])
        best = max(eligible, key=lambda candidate: by_set[candidate][left_out])
        found.append(
            Choice(left_out, chosen, elsewhere[chosen], by_set[chosen][left_out], best, by_set[best][left_out])
        )
    return found


def gains_table(
    cells: Mapping[tuple[str, str], Mapping[str, Cell]], gains: Gains, candidates: Sequence[str], metrics: Sequence[str]
) -> str:
    """Returns a Markdown table: for each data set and shape the metrics of today's rules, and each candidate's gain."""
    others = [name for name in candidates if name != TODAY]
    rows = []
    for (name, shape), found in cells.items():
        today = [f"{found[TODAY].per_point[metric].percent:.2f}" for metric in metrics]
        gained = (gains[name, shape].get(other) for other in others)
        rows.append([name, shape, *today, *("-" if gain is None else f"{gain:+.2f}" for gain in gained)])
    return markdown(["set", "shape", *(f"{metric} today" for metric in metrics), *others], rows)


def choices_table(choices: Sequence[Choice]) -> str:
    """Returns a Markdown table with a row per data set that was left out."""
    headers = ["left out", "chosen on the others", "gain there", "gain on the set left out", "best there", "its gain"]
    rows = [
        [c.left_out, c.candidate, f"{c.gain_elsewhere:+.2f}", f"{c.gain:+.2f}", c.best, f"{c.best_gain:+.2f}"]
        for c in choices
    ]
    return markdown(headers, rows)


def _score(cell: Cell, metrics: Sequence[str]) -> float:
    return _mean([cell.per_point[metric].percent for metric in metrics])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
