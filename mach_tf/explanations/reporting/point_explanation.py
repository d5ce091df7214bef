"""The record of one explained point: predictions, explanations with their support, and the labels under attack."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf.explanations.counterfactuals import Counterfactual
from mach_tf.explanations.explanation import Explanation
from mach_tf.explanations.reporting.label_support import Neighbours
from mach_tf.explanations.supporting_points import SupportingPoint
from mach_tf.explanations.words.explained_text import ExplainedText


class AttackedLabel(NamedTuple):
    """A label before and after an FGSM step.

    Attributes:
      label: its id.
      before, after: its scores.
      rank_before, rank_after: its ranks among all labels, from 1; None below the ranks that are computed.
    """

    label: int
    before: float
    after: float
    rank_before: Optional[int]
    rank_after: Optional[int]


@dataclasses.dataclass(frozen=True, eq=False)
class ExplainedLabel:
    """One label of a point: its explanation, and the buckets that its score comes from.

    Attributes:
      explanation: the attributions.
      rank: among all labels, from 1; None below the ranks that are computed.
      buckets: int [R], the label's bucket in each repetition.
      bucket_scores: float [R], the scores of these buckets, as the estimator combines them.
      neighbours: labels that share buckets with it.
      counterfactual: the fewest features without which it is not among the top k; None if they were not searched.
      supporting: the training points that support it most; None if they were not searched.
    """

    explanation: Explanation
    rank: Optional[int]
    buckets: np.ndarray
    bucket_scores: np.ndarray
    neighbours: Neighbours
    counterfactual: Optional[Counterfactual] = None
    supporting: Optional[Sequence[SupportingPoint]] = None


@dataclasses.dataclass(frozen=True, eq=False)
class PointExplanation:
    """One explained point.

    Attributes:
      point: its number in the input.
      true_labels: None if the labels are not known.
      predicted: labels and scores, best first.
      explained: the labels that are explained.
      attacked: labels under an FGSM step; None if there was no step.
      label_names: of all labels, by id; None if there are no names.
      text: the text that the point was made from; None if it was not made from a text.
      proved: the size of perturbations of the features present up to which the best label is proved to stay the best, 0 if there is no
        proof; None if proofs were not asked for.
    """

    point: int
    true_labels: Optional[list[int]]
    predicted: list[tuple[int, float]]
    explained: list[ExplainedLabel]
    attacked: Optional[list[AttackedLabel]] = None
    label_names: Optional[Sequence[str]] = dataclasses.field(default=None, repr=False)
    text: Optional[ExplainedText] = dataclasses.field(default=None, repr=False)
    proved: Optional[float] = None

    def json_lines(self) -> Iterator[dict[str, Any]]:
        """Yields one line of explanations.jsonl for each explained label."""
        for one in self.explained:
            label = one.explanation.label
            line = one.explanation.to_json()
            attributions = line.pop("attributions")
            yield {
                **line,
                "rank": one.rank,
                "true": None if self.true_labels is None else label in self.true_labels,
                **({} if self.proved is None else {"proved_epsilon": self.proved}),
                **({} if one.counterfactual is None else {"counterfactual": one.counterfactual.to_json()}),
                **(
                    {} if one.supporting is None else {"supporting_points": [each._asdict() for each in one.supporting]}
                ),
                "attributions": attributions,
                "repetitions": [
                    {"repetition": r, "bucket": int(bucket), "score": float(score)}
                    for r, (bucket, score) in enumerate(zip(one.buckets, one.bucket_scores))
                ],
                "neighbours": [
                    {"label": int(label), "label_name": self._name(label), "repetitions": repetitions.tolist()}
                    for label, repetitions in zip(one.neighbours.labels, one.neighbours.repetitions)
                ],
            }

    def to_json(self) -> dict[str, Any]:
        """Returns everything as JSON values; "explanations" are the lines of explanations.jsonl."""
        return {
            "point": self.point,
            "true_labels": self.true_labels,
            "predicted": [{"label": label, "score": score} for label, score in self.predicted],
            "explanations": list(self.json_lines()),
            "attacked": None if self.attacked is None else [row._asdict() for row in self.attacked],
        }

    def _name(self, label: int) -> Optional[str]:
        return self.label_names[label] if self.label_names else None
