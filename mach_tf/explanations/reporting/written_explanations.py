"""What a run of explanations wrote, and how it is shown in a terminal."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

from mach_tf.explanations.explanation import Explanation
from mach_tf.explanations.explanation_text import COLUMNS, attributions_table, words_text


@dataclasses.dataclass(frozen=True)
class WrittenExplanations:
    """The result of `write_explanations`.

    Attributes:
      count: number of explanations.
      lines_file: path of explanations.jsonl, one explanation per line; None if nothing was written.
      report_file: path of report.html; None if nothing was written.
      first: the first explanations, to be shown.
      with_texts: whether a summary shows the texts too, with their words coloured.
    """

    count: int
    lines_file: Optional[str]
    report_file: Optional[str]
    first: tuple[Explanation, ...]
    with_texts: bool = False

    def table(self) -> str:
        """Returns a table of the first explanations."""
        return attributions_table(explanation.row() for explanation in self.first)

    def to_json(self) -> dict[str, Any]:
        """Returns the number of explanations, the files and the first explanations as JSON values."""
        return {
            "count": self.count,
            "lines_file": self.lines_file,
            "report_file": self.report_file,
            "first": [explanation.to_json() for explanation in self.first],
        }

    def summary(self, colours: bool = False, columns: int = COLUMNS) -> str:
        """Returns the texts if they are to be shown, the table, the number of explanations and where they are.

        Args:
          colours: whether to colour the words of texts by ANSI codes.
          columns: the width of the terminal, for texts.
        """
        shown = [one for one in self.first if one.words is not None] if self.with_texts else []
        parts = [*(f"{_text(one, colours, columns)}\n" for one in shown), self.table()]
        if self.lines_file is not None:
            parts += [f"{self.count} explanations in {self.lines_file}", f"to read them, open {self.report_file}"]
        return "\n".join(parts)

    def __str__(self) -> str:
        return self.table()


def _text(explanation: Explanation, colours: bool, columns: int) -> str:
    assert explanation.words is not None
    scores = explanation.score, explanation.baseline_score
    return words_text(explanation.title, *scores, explanation.words, colours, columns)
