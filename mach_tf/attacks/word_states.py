"""Changed points during a search for words, and what can be changed next."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, NamedTuple

import numpy as np

from mach_tf.attacks.word_candidates import Candidates
from mach_tf.points import Points


class States(NamedTuple):
    """Changed points during a search.

    Attributes:
      points: their hashed features.
      owner: int64 [S], the point that each was made from.
      contents: what the changes keep of each; of features, those that came in, which are not replaced again.
    """

    points: Points
    owner: np.ndarray
    contents: list[Any]

    def take(self, rows: np.ndarray) -> States:
        """Returns the states of some rows, in the order of `rows`, int64 [m]."""
        return States(self.points[rows], self.owner[rows], [self.contents[row] for row in rows.tolist()])


class Proposals(NamedTuple):
    """Changes of one word each.

    Attributes:
      candidates: the changed points; their `state` is a row of the states.
      build: returns some of them, int64 [m] of positions, as states.
    """

    candidates: Candidates
    build: Callable[[np.ndarray], States]


# Of states, the gradient of what the attack increases for every feature, float32 [S, D].
Gradient = Callable[[States], np.ndarray]


def with_labels(changed: Points, points: Points, rows: np.ndarray) -> Points:
    """Returns changed points with the labels of some rows of others."""
    labelled = points[rows]
    return dataclasses.replace(changed, label_splits=labelled.label_splits, label_ids=labelled.label_ids)
