"""Requests as tensors, several of which become one call of a servable, whose answer is divided among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf.signature_names import EXPLAIN_SIGNATURE, EXPLAIN_TEXT_SIGNATURE, IDS, SPLITS, TRUE_LABELS

Arrays = dict[str, np.ndarray]
_EXPLANATIONS = (EXPLAIN_SIGNATURE, EXPLAIN_TEXT_SIGNATURE)
# Outputs with one column per word.
_OF_WORDS = ("words", "word_fields", "word_begins", "word_ends")
# Outputs with one column per feature of the point; all others have one column per rank.
_OF_FEATURES = ("moved_features", "moved_feature_names", "moves")
WORD_ATTRIBUTIONS = "word_attributions"


class InputSpec(NamedTuple):
    """What an input of a signature is.

    Attributes:
      dtype: its NumPy dtype, object for texts.
      shape: its shape; None is any length.
    """

    dtype: np.dtype
    shape: tuple[Optional[int], ...]


# Of each signature the inputs but k.
Specs = Mapping[str, Mapping[str, InputSpec]]


class Job(NamedTuple):
    """The points of one request.

    Attributes:
      signature: the signature that answers it.
      inputs: its inputs but k, by name; all have one row per point, except for row-compressed points.
      points: number of points.
      k: number of labels per point.
      served: the version that it was checked against, and that answers it; another may have other signatures.
    """

    signature: str
    inputs: Arrays
    points: int
    k: int
    served: Any = None

    def explained(self) -> bool:
        """Returns whether it asks for reasons, whose memory grows with the number of pairs of a point and a label."""
        return self.signature in _EXPLANATIONS

    def features(self) -> int:
        """Returns how many features its points have; of texts, about how many they have at most: one per two characters."""
        if IDS in self.inputs:
            return len(self.inputs[IDS])
        return sum(map(len, self.inputs["texts"].ravel())) // 2 if "texts" in self.inputs else 0

    def joins(
        self, first: Job, together: Totals, most_points: int, most_explained: int, most_attributions: int
    ) -> bool:
        """Returns whether it can be merged with others.

        Args:
          first: one of them.
          together: the totals of them and of this job.
          most_points: most points together.
          most_explained: most pairs of a point and a label together, if reasons are asked for.
          most_attributions: most pairs of a feature and a label together, if reasons are asked for.
        """
        if self.signature != first.signature or self.served is not first.served or together.points > most_points:
            return False
        pairs, attributions = together.points * together.k, together.features * together.k
        return not self.explained() or (pairs <= most_explained and attributions <= most_attributions)


class Totals(NamedTuple):
    """What merged jobs ask for together.

    Attributes:
      points: number of points.
      k: number of labels per point.
      features: number of features of all points, if reasons are asked for; 0 otherwise.
    """

    points: int = 0
    k: int = 0
    features: int = 0

    def plus(self, job: Job) -> Totals:
        """Returns the totals with one more job."""
        features = job.features() if job.explained() else 0
        return Totals(self.points + job.points, max(self.k, job.k), self.features + features)


def merge(jobs: Sequence[Job]) -> Job:
    """Returns one job for the points of several with the same signature and version; k is the largest."""
    if len(jobs) == 1:
        return jobs[0]
    inputs = {name: _joined([job.inputs[name] for job in jobs], name) for name in jobs[0].inputs if name != SPLITS}
    if SPLITS in jobs[0].inputs:
        lengths = np.concatenate([np.diff(job.inputs[SPLITS]) for job in jobs])
        inputs[SPLITS] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return jobs[0]._replace(inputs=inputs, points=sum(job.points for job in jobs), k=max(job.k for job in jobs))


def divide(answer: Arrays, jobs: Sequence[Job]) -> list[Arrays]:
    """Returns the part of each job in the answer to `merge(jobs)`: the same arrays as if it had been alone."""
    parts, begin = [], 0
    for job in jobs:
        rows = slice(begin, begin + job.points)
        part = {
            name: array[rows] if name in (*_OF_WORDS, *_OF_FEATURES) or array.ndim == 1 else array[rows, : job.k]
            for name, array in answer.items()
        }
        parts.append(_without_padding(part))
        begin += job.points
    return parts


def _joined(arrays: Sequence[np.ndarray], name: str) -> np.ndarray:
    """Returns the rows of several inputs; true labels get the padding of the widest."""
    if name == TRUE_LABELS:
        widest = max(array.shape[1] for array in arrays)
        arrays = [np.pad(array, [(0, 0), (0, widest - array.shape[1])], constant_values=-1) for array in arrays]
    return np.concatenate(arrays)


def _without_padding(part: Arrays) -> Arrays:
    """Drops the columns of words that only other jobs' texts have."""
    if WORD_ATTRIBUTIONS not in part:
        return part
    widest = int((part["word_begins"] >= 0).sum(axis=1).max(initial=0))
    trimmed = {name: part[name][:, :widest] for name in _OF_WORDS}
    return {**part, **trimmed, WORD_ATTRIBUTIONS: part[WORD_ATTRIBUTIONS][:, :, :widest]}
