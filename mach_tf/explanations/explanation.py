"""An explanation as an object: one label of one point, for JSON and for notebooks."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import scipy.sparse

_SHOWN_FEATURES = 10
_SHOWN_ROWS = 5


class FeatureAttribution(NamedTuple):
    """A feature's part in a label's score.

    Attributes:
      feature: the raw id; None for a hashed feature that only the baseline has, where its raw features are not known.
      feature_name: None where there are no names.
      value: the raw value in the point.
      attribution: how much of F(x) - F(baseline) is due to it.
      shared: whether other raw features fall in the same hashed feature, here: the model sees only their sum.
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
    """Why a point has its score for a label. In a notebook it displays itself.

    Attributes:
      point: the point's number.
      label: the label's id.
      label_name: None where there are no names.
      score: F(x), the label's score under the chosen estimator.
      baseline_score: F(baseline).
      completeness_gap: sum(attributions) - (F(x) - F(baseline)).
      attributions: of every feature, largest magnitude first.
    """

    point: int
    label: int
    label_name: Optional[str]
    score: float
    baseline_score: float
    completeness_gap: float
    attributions: list[FeatureAttribution]

    @property
    def title(self) -> str:
        """The label's name, or one made from its id."""
        return self.label_name if self.label_name is not None else f"label {self.label}"

    def to_json(self) -> dict[str, Any]:
        """As a line of explanations.jsonl."""
        value = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        value["attributions"] = [feature._asdict() for feature in self.attributions]
        return value

    def _repr_html_(self) -> str:
        bars = [(feature.title, feature.attribution) for feature in self.attributions]
        return bars_html(f"{self.title}, point {self.point}", self.score, self.baseline_score, bars)


class Explanations(scipy.sparse.csr_matrix):
    """Attributions as scipy CSR, float64 [pairs, features]; in a notebook it displays itself.

    Attributes (None in matrices derived from this one):
      points: int64 [pairs], the row of X that each row explains.
      labels: int64 [pairs], the label explained.
      scores, baseline_scores: float64 [pairs], F(x) and F(baseline).
    """

    points: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    scores: Optional[np.ndarray] = None
    baseline_scores: Optional[np.ndarray] = None

    def _repr_html_(self) -> str:
        shown = [self._row_html(row) for row in range(min(self.shape[0], _SHOWN_ROWS))]
        rest = self.shape[0] - len(shown)
        return "".join(shown) + (f"<p>and {rest} more</p>" if rest else "")

    def _row_html(self, row: int) -> str:
        begin, end = self.indptr[row : row + 2]
        bars = [(f"feature {c}", float(v)) for c, v in zip(self.indices[begin:end], self.data[begin:end])]
        if self.points is None or self.labels is None or self.scores is None or self.baseline_scores is None:
            return bars_html(f"row {row}", None, None, bars)
        title = f"label {self.labels[row]}, row {self.points[row]}"
        return bars_html(title, float(self.scores[row]), float(self.baseline_scores[row]), bars)


def bars_html(
    title: str, score: Optional[float], baseline_score: Optional[float], bars: Sequence[tuple[str, float]]
) -> str:
    """A small table of signed bars that needs no style sheet and no script; every name is escaped."""
    ordered = sorted(bars, key=lambda bar: -abs(bar[1]))
    shown, rest = ordered[:_SHOWN_FEATURES], ordered[_SHOWN_FEATURES:]
    largest = max((abs(value) for _, value in shown), default=0.0) or 1.0
    rows = [_bar_html(name, value, largest) for name, value in shown]
    if rest:
        rows.append(_bar_html(f"{len(rest)} other features", sum(value for _, value in rest), largest))
    caption = f"<b>{html.escape(title)}</b>"
    if score is not None and baseline_score is not None:
        caption += f" score {score:.4g} (baseline {baseline_score:.4g})"
    return f"<table><caption style='text-align:left'>{caption}</caption>{''.join(rows)}</table>"


def _bar_html(name: str, value: float, largest: float) -> str:
    width = min(100.0, 100.0 * abs(value) / largest)
    colour = "#2a6fbb" if value >= 0 else "#c4521b"
    bar = f"<div style='background:{colour};height:0.8em;width:{width:.1f}%'></div>"
    return (
        f"<tr><td style='text-align:right'>{html.escape(name)}</td>"
        f"<td style='text-align:right'>{value:+.4f}</td><td style='width:16em;text-align:left'>{bar}</td></tr>"
    )
