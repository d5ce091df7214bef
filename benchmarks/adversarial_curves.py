"""Curves of P@1 over epsilon, certified and under attack: read from tables of a Markdown page, and drawn.

A table is one of curves if its first column is "arm" and the header of others ends with "at E": these hold certified / attacked P@1 at this epsilon, as
in the tables of benchmarks.adversarial_training. Its title is the text in bold that the last such paragraph before it begins with.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mach_tf.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Precision(NamedTuple):
    """What is known of the P@1 of a model under perturbations, in percent.

    Attributes:
      epsilon: their size.
      certified: what no perturbation falls below.
      attacked: what an attack leaves.
    """

    epsilon: float
    certified: float
    attacked: float


# By title of a data set and arm, in the order of epsilon.
Curves = dict[str, dict[str, list[Precision]]]


def read_curves(page: str) -> Curves:
    """Returns the curves of the tables of a Markdown page.

    Args:
      page: its text.

    Raises:
      InputError: such a table has no title, or a cell is no number.
    """
    found: Curves = {}
    title, epsilons, arms = "", None, {}
    for line in page.splitlines():
        if bold := re.match(r"\*\*(.+?)\.?\*\*", line):
            title = bold.group(1)
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else [""]
        at = [re.search(r"\bat ([0-9.e-]+)$", cell) for cell in cells]
        if cells[0] == "arm" and any(at):
            if not title or title in found:
                raise InputError(f"A table of arms must have a bold title of its own before it (got {title!r}).")
            epsilons = at
            arms = found[title] = {}
        elif epsilons is None or not cells[0]:
            epsilons = None
        elif set(cells[0]) - set("-:"):
            arms[cells[0]] = [
                _precision(float(epsilon.group(1)), cell) for epsilon, cell in zip(epsilons, cells) if epsilon
            ]
    return found


def _precision(epsilon: float, cell: str) -> Precision:
    try:
        certified, attacked = map(float, cell.split("/"))
    except ValueError:
        raise InputError(f"A cell must hold certified / attacked P@1 in percent (got {cell!r}). Correct it.") from None
    return Precision(epsilon, certified, attacked)


def ratios(found: Curves) -> dict[str, float]:
    """Returns attacked P@1 over that of the first arm, at the largest epsilon of each table, where this is not 0."""
    return {
        f"{title}: attacked P@1: {arm}/{first}": round(curve[-1].attacked / arms[first][-1].attacked, 3)
        for title, arms in found.items()
        for first in [next(iter(arms))]
        for arm, curve in arms.items()
        if arm != first and arms[first][-1].attacked
    }


def figure(found: Curves) -> Figure:
    """Returns the plot: a row for each data set, attacked P@1 on the left and certified P@1 on the right."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9, 3.2 * len(found) + 0.6), layout="constrained")
    order = list(dict.fromkeys(arm for arms in found.values() for arm in arms))
    panels = drawn.subplots(len(found), 2, sharey="row", squeeze=False)
    for row, (title, arms) in zip(panels, found.items()):
        ticks = sorted({point.epsilon for curve in arms.values() for point in curve})
        for panel, kind in zip(row, ("attacked", "certified")):
            for arm, curve in arms.items():
                number = order.index(arm)
                # By marks too, as lines lie close to each other.
                style = {"color": f"C{number}", "marker": "osD^vPX*<>"[number % 10], "markersize": 5, "alpha": 0.85}
                values = [getattr(point, kind) for point in curve]
                panel.plot([point.epsilon for point in curve], values, label=arm, **style)
            panel.set(title=f"{title}: {kind}", xlabel="epsilon", xlim=(0, None))
            panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            panel.grid(alpha=0.3)
        row[0].set_ylabel("P@1 (%)")
    lines = {line.get_label(): line for panel in panels.flat for line in panel.get_lines()}
    drawn.legend([lines[arm] for arm in order], order, loc="outside lower center", ncols=min(len(order), 5))
    return drawn
