"""report.html: one file that holds its data, style and script, so that it needs no network."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Optional

import jinja2
import markupsafe

from mach_tf import estimators
from mach_tf.explanations.explanation import FeatureAttribution
from mach_tf.explanations.reporting.point_explanation import AttackedLabel, ExplainedLabel, PointExplanation
from mach_tf.explanations.shown_part import ShownPart, enough, shown_part
from mach_tf.explanations.supporting_points import SupportingPoint
from mach_tf.explanations.words.displayed_text import (
    LEAST_STRENGTH,
    DisplayedField,
    displayed_fields,
    hidden_note,
    rest_note,
)
from mach_tf.explanations.words.word_attributions import WordAttributions
from mach_tf.logit_scale import AS_THEY_ARE, LogitScale
from mach_tf.visible_text import shown_name

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
_DIGITS = 5
_WORD_DIGITS = 3
# Of each field of a text; the page would be large otherwise.
_TEXT_CHARACTERS = 10_000
# Of each training point that supports a label.
_SUPPORTING_LABELS = 8
_COMBINATION_WORDS = {estimators.MEAN: "mean", estimators.MIN: "minimum", estimators.MEDIAN: "median"}


class Report:
    """Collects explained points and renders them as one page.

    The features of an explanation beyond the first are shown as two sums, of those that raise the score and of those
    that lower it. This keeps the page small; explanations.jsonl has them all.
    """

    def __init__(
        self,
        label_names: Optional[Sequence[str]],
        estimator: str,
        epsilon: Optional[float],
        features_shown: Optional[int],
        ranked: bool = False,
        logit_scale: LogitScale = AS_THEY_ARE,
    ):
        """Starts an empty report.

        Args:
          label_names: by label id; None if there are no names, and then they are made from ids.
          estimator: the estimator of the scores; if they are logits, the page shows them as probabilities too.
          epsilon: size of the FGSM step; None if there is none.
          features_shown: bars per explanation; None for `shown_part.enough`.
          ranked: whether a ranker adds to the scores.
          logit_scale: as of `estimators.probabilities`.
        """
        self._label_names = label_names
        self._ranked, self._logit_scale = ranked, logit_scale
        self._estimator = estimator
        self._epsilon = epsilon
        self._features_shown = features_shown
        self._labels: dict[int, int] = {}
        self._features: dict[str, int] = {}
        self._points: list[dict[str, Any]] = []

    def add(self, point: PointExplanation) -> None:
        """Adds a point; it must have at least one predicted label."""
        fields = [] if point.text is None else displayed_fields(point.text, _TEXT_CHARACTERS)
        self._points.append(
            {
                **({} if point.text is None else {"text": [_field(field) for field in fields]}),
                "id": point.point,
                "true": None if point.true_labels is None else [self._label(label) for label in point.true_labels],
                "predicted": [[self._label(label), _round(score)] for label, score in point.predicted],
                "attacked": None if point.attacked is None else [self._attacked(label) for label in point.attacked],
                "proved": None if point.proved is None else _rounded_down(point.proved),
                "explanations": [self._explanation(one, fields) for one in point.explained],
            }
        )

    def html(self, title: str, about: Sequence[tuple[str, str]]) -> str:
        """Returns the page.

        Args:
          title: the heading.
          about: names and values of the settings, shown as text.
        """
        entry = estimators.get(self._estimator)
        logits = entry.takes_logits
        combination = _COMBINATION_WORDS[entry.kernel]
        kind = "logits" if logits else "probabilities"
        score = f"A score is the {combination} of the {kind} of the label's buckets, one from each repetition"
        score += ", plus what the label's ranker adds" if self._ranked else ""
        score += "; the percentage beside it is the score as a probability." if logits else "."
        explanations = sum(len(point["explanations"]) for point in self._points)
        data = {
            "logits": logits,
            "combination": combination,
            "ranked": self._ranked,
            "scale": self._logit_scale,
            "epsilon": self._epsilon,
            "labels": [shown_name(self._label_name(label)) for label in self._labels],
            "features": [shown_name(title) for title in self._features],
            "points": self._points,
            "least": LEAST_STRENGTH,
        }
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
        )
        lead = f"{_count(len(self._points), 'point')}, {_count(explanations, 'explanation')}"
        return environment.get_template("report.html.j2").render(
            title=title,
            lead=lead,
            about=about,
            score=score,
            texts=any("text" in point for point in self._points),
            data=script_json(data),
        )

    def _label(self, label: int) -> int:
        return self._labels.setdefault(int(label), len(self._labels))

    def _label_name(self, label: int) -> str:
        return self._label_names[label] if self._label_names else f"label {label}"

    def _attacked(self, row: AttackedLabel) -> list[Any]:
        return [self._label(row.label), _round(row.before), _round(row.after), row.rank_before, row.rank_after]

    def _explanation(self, one: ExplainedLabel, fields: Sequence[DisplayedField]) -> dict[str, Any]:
        explanation = one.explanation
        values = [feature.attribution for feature in explanation.attributions]
        limit = enough(values) if self._features_shown is None else self._features_shown
        part = shown_part(values, limit)
        return {
            "label": self._label(explanation.label),
            "against": None if explanation.against is None else self._label(explanation.against),
            "rank": one.rank,
            "score": _round(explanation.score),
            "baseline": _round(explanation.baseline_score),
            "gap": _round(explanation.completeness_gap),
            **({} if explanation.words is None else {"words": _words(explanation.words, fields)}),
            "bars": [self._bar(feature) for feature in explanation.attributions[:limit]],
            "others": [[title, _round(total)] for title, total in part.others()],
            "shown": _shown(part),
            "counterfactual": _counterfactual(one),
            "supporting": None if one.supporting is None else [self._supporting(each) for each in one.supporting],
            "repetitions": [[int(b), _round(s)] for b, s in zip(one.buckets, one.bucket_scores)],
            "neighbours": [
                [self._label(label), [int(r) for r in repetitions]]
                for label, repetitions in zip(one.neighbours.labels, one.neighbours.repetitions)
            ],
        }

    def _supporting(self, one: SupportingPoint) -> list[Any]:
        shown = [self._label(label) for label in one.labels[:_SUPPORTING_LABELS]]
        return [one.point, _round(one.support, _WORD_DIGITS), shown, len(one.labels) - len(shown)]

    def _bar(self, feature: FeatureAttribution) -> list[Any]:
        name = self._features.setdefault(feature.title, len(self._features))
        return [name, _round(feature.value), _round(feature.attribution), int(feature.shared)]


def _shown(part: ShownPart) -> list[Any]:
    """Returns a sentence, the share that is shown, the sum of what is shown, and the sum of everything."""
    sentence = part.sentence()
    totals = _round(part.shown.total), _round(part.total)
    return [sentence[0].upper() + sentence[1:], _round(part.share), *totals]


def _counterfactual(one: ExplainedLabel) -> Optional[str]:
    found = one.counterfactual
    if found is None:
        return None
    top = "the top label" if found.k == 1 else f"one of the top {found.k} labels"
    if found.removed is None:
        why = "" if found.is_fewest else ", as far as was searched"
        return f"Whatever features are left out, it stays {top}{why}."
    if not found.removed:
        return f"It is not {top}."
    names = {feature.feature: shown_name(feature.title) for feature in one.explanation.attributions}
    words = [names.get(feature, f"feature {feature}") for feature in found.removed]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    fewest = "no fewer features do this" if found.is_fewest else "fewer might do"
    return f"Without {listed} it is not {top}; {fewest}."


def _field(field: DisplayedField) -> list[Any]:
    """Returns the name and the pieces: between words, word, between words, ...."""
    pieces = [""]
    for piece in field.pieces:
        if piece.word is None:
            pieces[-1] += piece.text
        else:
            pieces += [piece.text, ""]
    return [field.name, pieces]


def _words(words: WordAttributions, fields: Sequence[DisplayedField]) -> dict[str, Any]:
    """Returns the attributions of the shown words in their order, a sentence on the others of each field, and one on the rest."""
    shown = [piece.word for field in fields for piece in field.pieces if piece.word is not None]
    return {
        "values": [_round(words.values[word], _WORD_DIGITS) for word in shown],
        "hidden": [hidden_note(field, words.values) for field in fields],
        "rest": rest_note(words),
    }


def script_json(value: Any) -> markupsafe.Markup:
    """Returns JSON for a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _rounded_down(value: float) -> float:
    """Returns a proved size with three digits; a larger one would not be proved."""
    rounded = _round(value, 3)
    return rounded if rounded <= value else _round(value * 0.99, 3)


def _round(value: float, digits: int = _DIGITS) -> float:
    return float(f"{float(value):.{digits}g}")
