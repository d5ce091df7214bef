"""Explanations as objects: one label of one point, and a matrix of many. Both display themselves in notebooks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import scipy.sparse

from mach_tf.errors import InputError
from mach_tf.explanations.bars_html import bars_html
from mach_tf.explanations.explanation_text import SHOWN, ExplainedRow, attributions_table, words_text
from mach_tf.explanations.words.explained_text import ExplainedText
from mach_tf.explanations.words.word_attributions import WordAttributions, word_attributions
from mach_tf.explanations.words.words_html import words_html

_SHOWN_ROWS = 5


class FeatureAttribution(NamedTuple):
    """The part of one feature in a label's score.

    Attributes:
      feature: the raw id; None for a hashed feature that only the baseline has, if its raw features are not known.
      feature_name: None if there are no names.
      value: the raw value in the point; 0 if the point lacks the feature.
      attribution: the part of F(x) - F(baseline) that is due to the feature.
      shared: whether other raw features of the point have the same hashed feature, so that the model sees only their sum.
      hashed_feature: the hashed id.
    """

    feature: Optional[int]
    feature_name: Optional[str]
    value: float
    attribution: float
    shared: bool
    hashed_feature: int

    @property
    def title(self) -> str:
        """The name, or a name made from the id."""
        if self.feature_name is not None:
            return self.feature_name
        return f"feature {self.feature}" if self.feature is not None else f"hashed feature {self.hashed_feature}"


@dataclasses.dataclass(frozen=True)
class Explanation:
    """An explanation of a label's score for a point. Displays itself in a notebook.

    Attributes:
      point: the point's number.
      label: the label's id.
      label_name: None if there are no names.
      score: F(x), the label's score under the chosen estimator.
      baseline_score: F(baseline).
      completeness_gap: sum(attributions) - (F(x) - F(baseline)).
      attributions: one for every feature, largest magnitude first.
      words: the same attributions shared among the words of the text; None if the point was not made from a text.
      against, against_name: the label whose score is subtracted in all of the above, and its name; None if none is.
    """

    point: int
    label: int
    label_name: Optional[str]
    score: float
    baseline_score: float
    completeness_gap: float
    attributions: list[FeatureAttribution]
    words: Optional[WordAttributions] = dataclasses.field(default=None, compare=False)
    against: Optional[int] = None
    against_name: Optional[str] = None

    @property
    def title(self) -> str:
        """The label's name, or a name made from its id; and the label that it is explained against."""
        title = _title(self.label, self.label_name)
        return title if self.against is None else f"{title} rather than {_title(self.against, self.against_name)}"

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values, the attributions and the words as lists of objects.

        The words of a text are accompanied by "unplaced_attribution", the sum of the attributions that belong to no word.
        """
        value = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.against is None:
            del value["against"], value["against_name"]
        value["attributions"] = [feature._asdict() for feature in self.attributions]
        words = value.pop("words")
        return value if words is None else {**value, "words": words.to_json(), "unplaced_attribution": words.rest}

    def row(self) -> ExplainedRow:
        """Returns what a table shows."""
        features = [(feature.title, feature.attribution) for feature in self.attributions]
        return ExplainedRow(self.point, self.title, self.score, self.completeness_gap, features)

    def __str__(self) -> str:
        table = attributions_table([self.row()])
        if self.words is None:
            return table
        return f"{words_text(self.title, self.score, self.baseline_score, self.words)}\n\n{table}"

    def _repr_html_(self) -> str:
        bars = [(feature.title, feature.attribution) for feature in self.attributions]
        text = words_html(self.words, self.title) if self.words is not None else ""
        return bars_html(f"{self.title}, point {self.point}", self.score, self.baseline_score, bars) + text


def _title(label: int, name: Optional[str]) -> str:
    return name if name is not None else f"label {label}"


class Explanations(scipy.sparse.csr_matrix):
    """Attributions as SciPy CSR, float64 [pairs, features]. print() shows the words and labels, and so does a notebook.

    A row adds up to its score minus its baseline score.

    Attributes (all None in matrices derived from this one):
      points: int64 [pairs], the row of X that each row explains.
      labels: int64 [pairs], the label explained.
      against: int64 [pairs], the label whose score is subtracted; None also if none is.
      scores, baseline_scores: float64 [pairs], F(x) and F(baseline).
      feature_names: one per column; None to display ids.
      label_names: of all labels, by id; None to display ids.
      texts: the texts of the points, in the order that `points` counts in; None if they were not made from texts.
    """

    points: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    against: Optional[np.ndarray] = None
    scores: Optional[np.ndarray] = None
    baseline_scores: Optional[np.ndarray] = None
    feature_names: Optional[Sequence[str]] = None
    label_names: Optional[Sequence[str]] = None
    texts: Optional[Sequence[ExplainedText]] = None

    def words(self, row: int) -> WordAttributions:
        """Returns the attributions of a row, shared among the words of its text.

        Raises:
          InputError: the explanations are not of texts.
        """
        if self.texts is None or self.points is None:
            raise InputError("Only explanations of texts have words. Make them with Ensemble.explain_text.")
        begin, end = self.indptr[row : row + 2]
        return word_attributions(self.texts[self.points[row]], self.indices[begin:end], self.data[begin:end])

    def __str__(self) -> str:
        """Returns the texts with what their words add to the scores, and a table; of a derived matrix, SciPy's text."""
        if self.points is None or self.labels is None or self.scores is None or self.baseline_scores is None:
            return str(super().__str__())
        shown = range(min(self.shape[0], SHOWN))
        scores = list(zip(self.scores.tolist(), self.baseline_scores.tolist()))
        titles = [self._row_title(row) for row in shown]
        parts = []
        if self.texts is not None:
            parts = [f"{words_text(titles[row], *scores[row], self.words(row))}\n" for row in shown]
        rows = [
            ExplainedRow(int(self.points[row]), titles[row], scores[row][0], None, self._largest(row)) for row in shown
        ]
        parts.append(attributions_table(rows))
        rest = self.shape[0] - len(shown)
        return "\n".join([*parts, *([f"and {rest:,} more"] if rest else [])])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text("..." if cycle else str(self))

    def _repr_html_(self) -> str:
        shown = [self._row_html(row) for row in range(min(self.shape[0], _SHOWN_ROWS))]
        rest = self.shape[0] - len(shown)
        more = f"<p>and {rest:,} more</p>" if rest else ""
        return f"<div style='display:flex;flex-wrap:wrap;gap:0.5em 3em'>{''.join(shown)}</div>{more}"

    def _row_html(self, row: int) -> str:
        begin, end = self.indptr[row : row + 2]
        bars = [(self._feature_title(c), float(v)) for c, v in zip(self.indices[begin:end], self.data[begin:end])]
        if self.points is None or self.labels is None or self.scores is None or self.baseline_scores is None:
            return bars_html(f"row {row}", None, None, bars)
        label = self._row_title(row)
        table = bars_html(
            f"{label}, row {self.points[row]}", float(self.scores[row]), float(self.baseline_scores[row]), bars
        )
        return table if self.texts is None else f"<div>{table}{words_html(self.words(row), label)}</div>"

    def _largest(self, row: int) -> list[tuple[str, float]]:
        """Returns the names and attributions of a row's features, largest magnitude first."""
        begin, end = self.indptr[row : row + 2]
        order = begin + np.argsort(-np.abs(self.data[begin:end]), kind="stable")
        return [(self._feature_title(self.indices[i]), float(self.data[i])) for i in order]

    def _feature_title(self, feature: int) -> str:
        return f"feature {feature}" if self.feature_names is None else self.feature_names[feature]

    def _row_title(self, row: int) -> str:
        assert self.labels is not None
        title = self._label_title(self.labels[row])
        return title if self.against is None else f"{title} rather than {self._label_title(self.against[row])}"

    def _label_title(self, label: int) -> str:
        return f"label {label}" if self.label_names is None else self.label_names[label]
