"""Explanations as text, for terminals: the words of a text with their numbers, and a table of the largest attributions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

import tabulate

from mach_tf.explanations.shown_part import shown_part
from mach_tf.explanations.words.word_attributions import WordAttributions
from mach_tf.explanations.words.words_terminal import words_terminal
from mach_tf.visible_text import shown_name

# Explanations that are shown of many.
SHOWN = 12
# Columns where the width of the terminal is not known.
COLUMNS = 100
_TABLE_FEATURES = 4


class ExplainedRow(NamedTuple):
    """A row of the table of explanations.

    Attributes:
      point: the point's number.
      label: the label's name.
      score: the label's score.
      gap: the completeness gap; None in all rows leaves the column out.
      features: the name and the attribution of each feature, largest magnitude first.
    """

    point: int
    label: str
    score: float
    gap: Optional[float]
    features: Sequence[tuple[str, float]]


def words_text(
    label: str,
    score: float,
    baseline_score: float,
    words: WordAttributions,
    colours: bool = False,
    columns: int = COLUMNS,
) -> str:
    """Returns a label with its score, and below it the text with what its words add to the score.

    Args:
      label: the label's name.
      score, baseline_score: the label's score for the text, and at the baseline.
      words: the text and the attributions of its words.
      colours: whether to colour words by ANSI codes.
      columns: the width of the terminal.
    """
    title = shown_name(label)
    heading = f"\x1b[1m{title}\x1b[0m" if colours else title
    scores = f"score {score:.3g}, baseline {baseline_score:.3g}"
    rest = f"\n[{words.rest:+.2g}] belongs to no word of this text" if words.rest else ""
    return f"{heading}: {scores}\n{words_terminal(words, colours, columns)}{rest}"


def attributions_table(rows: Iterable[ExplainedRow]) -> str:
    """Returns a table with a row per explanation, its largest attributions and the sum of the others."""
    rows = list(rows)
    headers = ["point", "label", "score", "gap", "features with the largest attributions"]
    cells: list[list[object]] = []
    for row in rows:
        features = ", ".join(f"{shown_name(name)} {value:+.2f}" for name, value in row.features[:_TABLE_FEATURES])
        part = shown_part([value for _, value in row.features], _TABLE_FEATURES)
        if others := part.raising.size + part.lowering.size:
            features += f"; {others:,} other{'s' * (others > 1)} {part.raising.total + part.lowering.total:+.2f}"
        cells.append([row.point, shown_name(row.label), row.score, row.gap, features])
    if all(row.gap is None for row in rows):
        headers, cells = headers[:3] + headers[4:], [row[:3] + row[4:] for row in cells]
    return tabulate.tabulate(cells, headers, floatfmt=".3g", disable_numparse=[1, len(headers) - 1])
