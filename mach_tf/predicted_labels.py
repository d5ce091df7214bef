"""The best labels of points with their keys and names, as a table, as rows and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

from mach_tf import prediction_format
from mach_tf.evaluation.tables import ShownAsTable, Table
from mach_tf.label_titles import LabelTitles
from mach_tf.top_labels import TopLabels


class PredictedLabel(NamedTuple):
    """A label that is predicted for a point: its key in the training data, its name, and its score."""

    key: str
    name: str
    score: float


@dataclasses.dataclass(frozen=True, repr=False)
class PredictedLabels(ShownAsTable):
    """The best labels of n points, best first: a sequence with a list of PredictedLabel for each point.

    Attributes:
      top: label ids and scores, int32 and float32 [n, k].
      titles: the names and keys of the labels.
      scores: what the scores are, one of choices.SCORES.
    """

    top: TopLabels
    titles: LabelTitles
    scores: str

    def __len__(self) -> int:
        return len(self.top.labels)

    def __getitem__(self, point: int) -> list[PredictedLabel]:
        return [
            PredictedLabel(self.titles.key(label), self.titles.name(label), score) for label, score in self._row(point)
        ]

    def __iter__(self) -> Iterator[list[PredictedLabel]]:
        return (self[point] for point in range(len(self)))

    def table(self) -> Table:
        """Returns one row per predicted label; with several points their numbers, with keys those too."""
        headers = ["point", self.scores, "name", "key"]
        rows = [
            [str(point), f"{label.score:.4f}", label.name, label.key] for point, row in enumerate(self) for label in row
        ]
        shown = slice(0 if len(self) > 1 else 1, 4 if self.titles.keys is not None else 3)
        return Table(headers[shown], [row[shown] for row in rows])

    def to_json(self) -> list[dict[str, Any]]:
        """Returns an object per point, as the lines of JSON Lines predictions have them."""
        return [
            prediction_format.json_object(point, self._row(point), self.scores, self.titles)
            for point in range(len(self))
        ]

    def __repr__(self) -> str:
        n, k = self.top.labels.shape
        return f"{type(self).__name__}({n} point(s), {k} label(s) each)"

    def _row(self, point: int) -> list[tuple[int, float]]:
        """Returns the label ids and scores of a point."""
        labels, scores = self.top.labels[point].tolist(), self.top.scores[point].tolist()
        return [(label, score) for label, score in zip(labels, scores) if label >= 0]
