"""Points that lack labels or features: counted and told wherever points are used, and refused if all of them do.

A file of labels that belongs elsewhere, or features that a join has lost, look like a bad model: every metric is 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mach_tf.errors import InputError
from mach_tf.points import Points
from mach_tf.splits import Split

_ADVICE = "Check the language and the spelling, and that the fields with texts are those of the training data"


class Incomplete(NamedTuple):
    """How many points there are, and how many of them lack labels or features.

    Attributes:
      points: number of points.
      without_labels: number of points without a label; 0 where labels do not matter.
      without_features: number of points without a feature; a feature whose value is 0 is none.
    """

    points: int
    without_labels: int
    without_features: int

    @classmethod
    def of(cls, points: Points, labels: bool = True) -> Incomplete:
        """Counts points; those without labels only if `labels`."""
        without_labels = np.count_nonzero(np.diff(points.label_splits) == 0) if labels else 0
        return cls(len(points), int(without_labels), int(np.count_nonzero(np.diff(points.row_splits) == 0)))

    @classmethod
    def of_split(cls, split: Split) -> Incomplete:
        """Returns the counts of a split, which datasets of earlier versions have only where all points lack something."""
        return cls(
            split.points,
            split.without_labels if split.labels else split.points,
            split.without_features if split.raw_features else split.points,
        )

    def plus(self, other: Incomplete) -> Incomplete:
        """Returns the counts of both together."""
        return Incomplete(*(ours + theirs for ours, theirs in zip(self, other)))

    def sentences(self, where: str) -> Iterator[str]:
        """Yields a sentence for each thing that some points lack.

        Args:
          where: the points, as "of the test split".
        """
        for count, what, consequence in (
            (self.without_labels, "label", "no prediction for them can be right"),
            (self.without_features, "feature", "the model cannot tell them apart"),
        ):
            if count:
                verb = "has" if count == 1 else "have"
                yield f"{count:,} of {self.points:,} points {where} {verb} no {what}; {consequence}."

    def check(self, where: str) -> None:
        """Raises InputError if all points lack the same; `where` as of `sentences`."""
        for count, what, advice in (
            (self.without_labels, "labels", "Check that the labels given are those of these points"),
            (
                self.without_features,
                "features",
                "Check that the features given are those of these points; a value of 0 is none",
            ),
        ):
            if self.points and count == self.points:
                raise InputError(f"The points {where} must have {what} (none of {count:,} has one). {advice}.")

    def warn(self, where: str) -> None:
        """Warns of what some points lack."""
        for sentence in self.sentences(where):
            warnings.warn(sentence, stacklevel=3)

    def warn_of_texts(self, where: str = "") -> None:
        """Warns if some points, which were made from texts, have no feature.

        Args:
          where: the texts, as "of new.csv"; "" if nothing more is to be said of them.
        """
        if not self.without_features:
            return
        texts = f"text {where}".rstrip() if self.points == 1 else f"texts {where}".rstrip()
        verb = "has" if self.without_features == 1 else "have"
        counted = "The" if self.points == 1 else f"{self.without_features:,} of {self.points:,}"
        warnings.warn(
            f"{counted} {texts} {verb} no term that the model was trained with; what is predicted does not depend on such a text. {_ADVICE}.",
            stacklevel=3,
        )

    def check_and_warn(self, where: str) -> None:
        """Raises InputError as `check` does, otherwise warns as `warn` does."""
        self.check(where)
        self.warn(where)
