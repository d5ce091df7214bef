"""Tables of metrics, as text for programs and as HTML for notebooks."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from tabulate import tabulate

from mach_tf.attacks.attack_report import AttackEntry
from mach_tf.metrics.bootstrap import Difference
from mach_tf.metrics.breakdown import LabelGroup
from mach_tf.visible_text import on_one_line


@dataclasses.dataclass(frozen=True)
class Table:
    """Formatted cells under headers, with an optional title; str() gives the text."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""

    def __str__(self) -> str:
        text = tabulate(self._cells, self.headers, disable_numparse=True)
        return f"{self.title}\n{text}" if self.title else text

    def to_html(self) -> str:
        """Returns a table element that needs no style sheet; every cell is escaped."""
        title = f"<p>{html.escape(self.title)}</p>" if self.title else ""
        return title + str(tabulate(self._cells, self.headers, tablefmt="html", disable_numparse=True))

    @property
    def _cells(self) -> list[list[str]]:
        """The cells without control characters: names of labels must not move a cursor or reorder their line."""
        return [[on_one_line(cell) for cell in row] for row in self.rows]


class ShownAsText:
    """A result that IPython in a terminal shows by str(), where dataclasses show every field."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("..." if cycle else str(self))


class ShownAsTable(ShownAsText):
    """A result that is shown by its `table()`, as text and in notebooks."""

    def table(self) -> Table:
        """Returns the table that shows the result."""
        raise NotImplementedError

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().to_html()


def metrics_table(
    metrics: Mapping[str, float], intervals: Optional[Mapping[str, Sequence[float]]], ks: Sequence[int]
) -> Table:
    """Returns one row per metric, one column per cut-off, in percent, with 95% intervals if there are any."""
    rows = []
    for kind in dict.fromkeys(name.split("@")[0] for name in metrics):
        row = [kind]
        for k in ks:
            name = f"{kind}@{k}"
            row.append(f"{metrics[name]:.2f}{_interval(intervals, name)}")
        rows.append(row)
    return Table(["%", *(f"@{k}" for k in ks)], rows)


def comparison_table(rows: Mapping[Any, Mapping[str, float]], names: Sequence[str], corner: str) -> Table:
    """Returns one row per compared item, one column per metric, in percent; `corner` says what is compared."""
    cells = [[str(key), *(f"{metrics[name]:.2f}" for name in names)] for key, metrics in rows.items()]
    return Table([corner, *names], cells)


def attacks_table(entries: Sequence[AttackEntry], ks: Sequence[int]) -> Table:
    """Returns one row per attack and epsilon: metrics in percent, and how much P at the smallest cut-off lost."""
    names = headline_metrics(ks)
    rows = [
        [
            entry.attack.name,
            "" if entry.attack.of_words else entry.attack.support,
            *_sizes(entry, entries),
            *(f"{entry.metrics[name]:.2f}" for name in names),
            f"{entry.lost[names[0]]:.2f}",
        ]
        for entry in entries
    ]
    return Table(["attack", "support", *_size_headers(entries), *names, f"{names[0]} lost"], rows)


def robustness_table(
    entries: Sequence[AttackEntry], ks: Sequence[int], bucket_losses: Optional[Mapping[float, float]] = None
) -> Table:
    """Returns one row per attack and epsilon with everything that `attacks_table` has no room for.

    Args:
      entries: results of attacks on one model.
      ks: cut-offs, ascending.
      bucket_losses: the bucket loss at each epsilon; None leaves the column out.
    """
    names = headline_metrics(ks)
    headers = ["attack", *_size_headers(entries), *names, f"{names[0]} lost", "success %", "norm %", "label loss"]
    rows = [
        [
            entry.attack.name,
            *_sizes(entry, entries),
            *(f"{entry.metrics[name]:.2f}" for name in names),
            f"{entry.lost[names[0]]:.2f}{_interval(entry.lost_intervals, names[0])}",
            f"{entry.success_rate:.1f}",
            f"{100 * entry.relative_norm.mean:.1f}",
            f"{entry.loss:.5f}",
        ]
        for entry in entries
    ]
    if bucket_losses is None:
        return Table(headers, rows)
    losses = ["" if entry.attack.of_words else f"{bucket_losses[entry.epsilon]:.5f}" for entry in entries]
    return Table([*headers, "bucket loss"], [[*row, loss] for row, loss in zip(rows, losses)])


def _size_headers(entries: Sequence[AttackEntry]) -> list[str]:
    """Returns "epsilon", "words" or both: what the sizes of the attacks are."""
    of_words = {entry.attack.of_words for entry in entries}
    return [*(["epsilon"] if of_words != {True} else []), *(["words"] if True in of_words else [])]


def _sizes(entry: AttackEntry, entries: Sequence[AttackEntry]) -> list[str]:
    """Returns the cells of an entry under `_size_headers`."""
    own = "words" if entry.attack.of_words else "epsilon"
    return [f"{entry.epsilon:g}" if header == own else "" for header in _size_headers(entries)]


def stack(tables: Mapping[str, Table], corner: str) -> Table:
    """Returns tables of equal headers as one, with the name of each in the first column."""
    (headers,) = {tuple(table.headers) for table in tables.values()}
    return Table([corner, *headers], [[name, *row] for name, table in tables.items() for row in table.rows])


def differences_table(differences: Mapping[str, Difference], title: str = "") -> Table:
    """Returns one row per metric: the difference and its 95% interval, in percentage points."""
    rows = [[name, f"{d.difference:+.2f}", f"[{d.low:+.2f}, {d.high:+.2f}]"] for name, d in differences.items()]
    return Table(["metric", "difference", "95% interval"], rows, title)


def frequency_table(groups: Mapping[str, LabelGroup]) -> Table:
    """Returns one row each for head, torso and tail labels."""
    values = {name: group.to_json() for name, group in groups.items()}
    rows = [
        [name, *(f"{v:.2f}" if isinstance(v, float) else str(v) for v in group.values())]
        for name, group in values.items()
    ]
    return Table(["labels by frequency", *next(iter(values.values()))], rows)


def headline_metrics(ks: Sequence[int]) -> list[str]:
    """Returns the names of P at every cut-off, and of nDCG at the largest."""
    return [*(f"P@{k}" for k in ks), f"nDCG@{max(ks)}"]


def _interval(intervals: Optional[Mapping[str, Sequence[float]]], name: str) -> str:
    if not intervals or name not in intervals:
        return ""
    low, high = intervals[name]
    return f" [{low:.2f}, {high:.2f}]"
