"""What a conversion of texts kept, and what it left out and why, as a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tabulate


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Something that a conversion left out: how many of which kind, and why, as a phrase that names the option."""

    what: str
    count: int
    why: str


@dataclasses.dataclass(frozen=True)
class TextSummary:
    """What a conversion of texts kept and left out.

    Attributes:
      records: number of records that became points, in all splits.
      words: number of words in the training points.
      terms: number of terms in the vocabulary.
      labels: number of labels of the dataset.
      assignments: number of label assignments of the points, in all splits.
      unnamed_labels: number of labels that stand under their key, as the file of names lacks them.
      left_out: what was left out; `what` is the name of one of the numbers above.
      untrained_labels: number of labels without a training point, which the file of names numbers.
    """

    records: int
    words: int
    terms: int
    labels: int
    assignments: int
    unnamed_labels: int
    left_out: Sequence[LeftOut]
    untrained_labels: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns all attributes as JSON values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        rows = []
        for what, title in (
            ("records", "records"),
            ("words", "words of training points"),
            ("terms", "terms"),
            ("labels", "labels"),
            ("assignments", "label assignments"),
        ):
            of_this = [item for item in self.left_out if item.what == what and item.count]
            first = [title, f"{getattr(self, what):,}"]
            rows += [[*first, *_reason(of_this[0])] if of_this else [*first, "", ""]]
            rows += [["", "", *_reason(item)] for item in of_this[1:]]
        titles = ["", "kept", "left out", "why"]
        return tabulate.tabulate(rows, titles, colalign=["left", "right", "right", "left"], disable_numparse=True)


def _reason(item: LeftOut) -> list[str]:
    return [f"{item.count:,}", item.why]
