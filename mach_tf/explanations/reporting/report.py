"""report.html: one file with its data, style and script in it, which asks the network for nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional

import jinja2
import markupsafe
import numpy as np

from mach_tf import estimators
from mach_tf.explanations.explanation import Explanation, FeatureAttribution
from mach_tf.explanations.reporting.label_support import Neighbours

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
_DIGITS = 5
_COMBINATION_WORDS = {estimators.MEAN: "mean", estimators.MIN: "minimum", estimators.MEDIAN: "median"}


class LabelView(NamedTuple):
    """What the report shows of one label of a point.

    Attributes:
      explanation: its attributions.
      rank: among all labels, from 1; None below the ranks that were computed.
      buckets: the label's bucket in each repetition.
      bucket_scores: their scores, as the estimator combines them.
      neighbours: labels that share buckets with it.
    """

    explanation: Explanation
    rank: Optional[int]
    buckets: np.ndarray
    bucket_scores: np.ndarray
    neighbours: Neighbours


class AttackedLabel(NamedTuple):
    """A label's score and rank (from 1; None below the ranks computed) before and after the FGSM step."""

    label: int
    before: float
    after: float
    rank_before: Optional[int]
    rank_after: Optional[int]


class Report:
    """Collects points and writes them as one page.

    Features beyond the first `features_shown` of an explanation are added up: the page stays small, explanations.jsonl has
    them all.
    """

    def __init__(
        self, label_names: Optional[Sequence[str]], estimator: str, epsilon: Optional[float], features_shown: int
    ):
        """Starts an empty report.

        Args:
          label_names: by label id; None makes names from ids.
          estimator: of the scores; those of "logit_mean" are logits, and shown as probabilities too.
          epsilon: size of the FGSM step; None if there is none.
          features_shown: bars a label.
        """
        self._label_names = label_names
        self._estimator = estimator
        self._epsilon = epsilon
        self._features_shown = features_shown
        self._labels: dict[int, int] = {}
        self._features: dict[str, int] = {}
        self._points: list[dict[str, Any]] = []

    def add(
        self,
        point: int,
        true_labels: Optional[Iterable[int]],
        predicted: Iterable[tuple[int, float]],
        views: Iterable[LabelView],
        attacked: Optional[Iterable[AttackedLabel]] = None,
    ) -> None:
        """Adds a point.

        Args:
          point: its number.
          true_labels: None where they are not known.
          predicted: labels and scores, best first; at least one.
          views: the labels explained.
          attacked: labels under the FGSM step, with the first before and the first after it; None without one.
        """
        self._points.append(
            {
                "id": point,
                "true": None if true_labels is None else [self._label(label) for label in true_labels],
                "predicted": [[self._label(label), _round(score)] for label, score in predicted],
                "attacked": None if attacked is None else [self._attacked(label) for label in attacked],
                "explanations": [self._explanation(view) for view in views],
            }
        )

    def html(self, title: str, about: Sequence[tuple[str, str]]) -> str:
        """The page.

        Args:
          title: its heading.
          about: names and values of what was done, shown as text.
        """
        entry = estimators.get(self._estimator)
        logits = entry.takes_logits
        combination = _COMBINATION_WORDS[entry.kernel]
        score = f"A score is the {combination} of the repetitions' {'logits' if logits else 'probabilities'}"
        score += "; the percentage beside it is the probability that it stands for." if logits else "."
        explanations = sum(len(point["explanations"]) for point in self._points)
        data = {
            "logits": logits,
            "combination": combination,
            "epsilon": self._epsilon,
            "labels": [self._label_name(label) for label in self._labels],
            "features": list(self._features),
            "points": self._points,
        }
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
        )
        lead = f"{len(self._points):,} points, {explanations:,} explanations of labels' scores"
        return environment.get_template("report.html.j2").render(
            title=title, lead=lead, about=about, score=score, data=script_json(data)
        )

    def _label(self, label: int) -> int:
        return self._labels.setdefault(int(label), len(self._labels))

    def _label_name(self, label: int) -> str:
        return self._label_names[label] if self._label_names else f"label {label}"

    def _attacked(self, row: AttackedLabel) -> list[Any]:
        return [self._label(row.label), _round(row.before), _round(row.after), row.rank_before, row.rank_after]

    def _explanation(self, view: LabelView) -> dict[str, Any]:
        explanation = view.explanation
        shown, rest = (
            explanation.attributions[: self._features_shown],
            explanation.attributions[self._features_shown :],
        )
        return {
            "label": self._label(explanation.label),
            "rank": view.rank,
            "score": _round(explanation.score),
            "baseline": _round(explanation.baseline_score),
            "gap": _round(explanation.completeness_gap),
            "bars": [self._bar(feature) for feature in shown],
            "rest": [len(rest), _round(sum(feature.attribution for feature in rest))],
            "repetitions": [[int(b), _round(s)] for b, s in zip(view.buckets, view.bucket_scores)],
            "neighbours": [
                [self._label(label), [int(r) for r in repetitions]]
                for label, repetitions in zip(view.neighbours.labels, view.neighbours.repetitions)
            ],
        }

    def _bar(self, feature: FeatureAttribution) -> list[Any]:
        name = self._features.setdefault(feature.title, len(self._features))
        return [name, _round(feature.value), _round(feature.attribution), int(feature.shared)]


def script_json(value: Any) -> markupsafe.Markup:
    """JSON that may stand in a script element: no name in it can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)


def _round(value: float) -> float:
    return float(f"{float(value):.{_DIGITS}g}")
