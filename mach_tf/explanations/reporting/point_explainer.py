"""A chunk of points through the model: predicted, explained, supported and attacked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf import estimators
from mach_tf.attacks.gradient_attacks import fgsm_step
from mach_tf.explanations import explainer
from mach_tf.explanations.explainer import Baseline
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.reporting import label_support, selection
from mach_tf.explanations.reporting.report import AttackedLabel, LabelView
from mach_tf.network import Network
from mach_tf.points import Points

# Ranks are exact down to here; five labels are shown.
RANKED = 50
SHOWN = 5
_NEIGHBOURS = 5


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of every point.

    Attributes:
      ensemble: the model.
      settings: how to attribute, and of which estimator's scores.
      labels: the value of --labels.
      baseline: where the paths begin.
      epsilon: size of the FGSM step; 0 for none.
      known_truth: whether the points' labels are known.
      feature_names, label_names: by raw id; None where there are none.
    """

    ensemble: Network
    settings: Attribution
    labels: str
    baseline: Baseline
    epsilon: float
    known_truth: bool
    feature_names: Optional[Sequence[str]]
    label_names: Optional[Sequence[str]]


class Answer(NamedTuple):
    """What is known of one point.

    Attributes:
      point: its number.
      true_labels: None where labels are not known.
      predicted: labels and scores, best first.
      views: the labels explained.
      attacked: labels under the FGSM step; None without one.
    """

    point: int
    true_labels: Optional[list[int]]
    predicted: list[tuple[int, float]]
    views: list[LabelView]
    attacked: Optional[list[AttackedLabel]]

    def json_lines(self, label_names: Optional[Sequence[str]]) -> Iterator[dict[str, Any]]:
        """Yields a line of explanations.jsonl for each label explained."""
        for view in self.views:
            label = view.explanation.label
            line = view.explanation.to_json()
            attributions = line.pop("attributions")
            yield {
                **line,
                "rank": view.rank,
                "true": None if self.true_labels is None else label in self.true_labels,
                "attributions": attributions,
                "repetitions": [
                    {"repetition": r, "bucket": int(bucket), "score": float(score)}
                    for r, (bucket, score) in enumerate(zip(view.buckets, view.bucket_scores))
                ],
                "neighbours": [
                    {"label": int(n), "label_name": label_names[n] if label_names else None, "repetitions": r.tolist()}
                    for n, r in zip(view.neighbours.labels, view.neighbours.repetitions)
                ],
            }


class _Ranking(NamedTuple):
    """Bucket scores [n, R, B], and the labels [n, k] and scores of the first ranks."""

    bucket_scores: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def rank(self, point: int, label: int) -> Optional[int]:
        """A label's rank from 1; None below the ranks computed."""
        found = np.flatnonzero(self.labels[point] == label)
        return int(found[0]) + 1 if len(found) else None


def answer(question: Question, raw: Points, point_ids: np.ndarray) -> list[Answer]:
    """Answers for a chunk of points.

    Args:
      question: what is asked.
      raw: n raw points.
      point_ids: int64 [n], their numbers in the input.

    Raises:
      InputError: attributions that do not add up.
    """
    ensemble = question.ensemble
    hashed = ensemble.manifest.feature_spec.apply(raw)
    shown = min(max(SHOWN, selection.top_wanted(question.labels, ensemble.labels) or 0), ensemble.labels)
    clean = _rank(question, hashed, max(shown, min(RANKED, ensemble.labels)))
    pairs = selection.pairs(question.labels, raw, ensemble.labels, clean.labels)
    views = _views(question, raw, pairs, point_ids, clean)
    attacked = _attacked(question, hashed, clean, shown) if question.epsilon else None
    truth = selection.label_sets(raw)
    return [
        Answer(
            int(point_ids[i]),
            truth[i].tolist() if question.known_truth else None,
            list(zip(clean.labels[i, :shown].tolist(), clean.scores[i, :shown].tolist())),
            views[pairs.splits[i] : pairs.splits[i + 1]],
            None if attacked is None else attacked[i],
        )
        for i in range(len(raw))
    ]


def _rank(question: Question, hashed: Points, k: int) -> _Ranking:
    ensemble, estimator = question.ensemble, question.settings.estimator
    scores = estimators.bucket_scores(ensemble.bucket_logits(hashed.features(ensemble.manifest.columns)), estimator)
    decoded = ensemble.decoder.top_k(scores, k, estimator)
    return _Ranking(scores, decoded.labels, decoded.scores)


def _views(question: Question, raw: Points, pairs: Pairs, point_ids: np.ndarray, clean: _Ranking) -> list[LabelView]:
    ensemble = question.ensemble
    table = ensemble.bucket_table
    near = {
        int(label): label_support.neighbours(table, ensemble.members, label, _NEIGHBOURS)
        for label in np.unique(pairs.labels)
    }
    repetitions = np.arange(len(table))
    views: list[LabelView] = []
    explained = explainer.explain(ensemble, raw, pairs, question.settings, question.baseline, point_ids)
    first = 0
    for part in explained:
        count = len(part.pairs.splits) - 1
        ids = point_ids[first : first + count]
        points = part.pairs.points() + first
        for point, one in zip(points, part.explanations(ids, question.feature_names, question.label_names)):
            buckets = table[:, one.label]
            scores = clean.bucket_scores[point, repetitions, buckets]
            views.append(LabelView(one, clean.rank(point, one.label), buckets, scores, near[one.label]))
        first += count
    return views


def _attacked(question: Question, hashed: Points, clean: _Ranking, shown: int) -> list[list[AttackedLabel]]:
    """The first labels before and after an FGSM step on the loss of the true labels, or of the first where none are known."""
    if not question.known_truth:
        count = len(hashed)
        hashed = dataclasses.replace(
            hashed, label_splits=np.arange(count + 1), label_ids=clean.labels[:, 0].astype(np.int64)
        )
    estimator = question.settings.estimator
    moved = fgsm_step(question.ensemble, hashed, estimator, question.epsilon)
    after = _rank(question, moved, clean.labels.shape[1])
    rows = []
    for i in range(len(hashed)):
        before_labels, after_labels = clean.labels[i, :shown], after.labels[i, :shown]
        labels = [*before_labels, *(label for label in after_labels if label not in before_labels)]
        scores = [
            estimators.label_scores(
                ranking.bucket_scores[i : i + 1], question.ensemble.bucket_table, np.array([labels]), estimator
            )[0]
            for ranking in (clean, after)
        ]
        rows.append(
            [
                AttackedLabel(int(label), float(b), float(a), clean.rank(i, label), after.rank(i, label))
                for label, b, a in zip(labels, *scores)
            ]
        )
    return rows
