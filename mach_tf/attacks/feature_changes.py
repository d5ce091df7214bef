"""What can be done to a point's features as if they were words: one left out, one replaced by a near one, one added.

A changed point is scaled to unit length again if the model's points have it. A replaced feature passes its value on; an added one gets the
median of the values of its point, in absolute terms, and 1 in an empty point: the weight that the word would have in a text is not known here.
"""

from __future__ import annotations

import dataclasses
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf import points as points_module
from mach_tf.attacks.added_words import best_additions
from mach_tf.attacks.near_words import NearWords
from mach_tf.attacks.word_candidates import Candidates
from mach_tf.attacks.word_states import Gradient, Proposals, States, with_labels
from mach_tf.hashing import FeatureSpec
from mach_tf.points import Points


@dataclasses.dataclass(frozen=True)
class FeatureChanges:
    """Changes of features.

    Attributes:
      method: "drop_words", "swap_words" or "add_words".
      columns: D.
      spec: how the model's points are made; its norm counts.
      near: the neighbours of features; "swap_words" needs them.
    """

    method: str
    columns: int
    spec: FeatureSpec
    near: Optional[NearWords] = None

    def start(self, points: Points, first: int) -> States:
        """Returns unchanged points, the first of which is point number `first` of all."""
        return States(points, np.arange(len(points)), [frozenset()] * len(points))

    def proposals(self, states: States, gradient: Gradient) -> Proposals:
        """Returns all changes of one feature, or, of those to add, the most promising."""
        points = states.points
        rows, removed = points.rows(), np.arange(len(points.feature_ids))
        added = np.full(len(rows), -1)
        values = points.feature_values
        if self.method == "swap_words":
            assert self.near is not None
            came_in = np.array(
                [feature in states.contents[row] for row, feature in zip(rows, points.feature_ids)], bool
            )
            rows, removed = rows[~came_in], removed[~came_in]
            neighbours = self.near.of(points.feature_ids[removed])
            rows, removed = (np.repeat(each, neighbours.shape[1]) for each in (rows, removed))
            added, values = neighbours.ravel(), values[removed]
        elif self.method == "add_words":
            rows, added = self._additions(states, gradient)
            removed, values = np.full(len(rows), -1), _typical(points)[rows]
        if self.method != "drop_words":
            own = points.rows() * self.columns + points.feature_ids
            present = np.isin(rows * self.columns + added, own)
            chosen = (added >= 0) & ~present
            rows, removed, added, values = rows[chosen], removed[chosen], added[chosen], values[chosen]
        return self._of(states, rows, removed, added, values)

    def _additions(self, states: States, gradient: Gradient) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows and the features that raise the objective most to first order."""
        best = best_additions(states, gradient, self.columns)
        return np.repeat(np.arange(len(best)), best.shape[1]), best.ravel()

    def _of(
        self, states: States, rows: np.ndarray, removed: np.ndarray, added: np.ndarray, values: np.ndarray
    ) -> Proposals:
        """Returns changed points: without the entry `removed` of their row's point, with `values` of the feature `added`; -1 is none."""
        points = states.points
        leaves, comes = removed >= 0, added >= 0
        entries = np.stack([leaves, comes], axis=1)
        gone = np.append(points.feature_values, np.float32(0))[removed]
        ids = np.stack([np.append(points.feature_ids, 0)[removed], added], axis=1)
        amounts = np.stack([-gone, values], axis=1).astype(np.float32)
        splits = np.concatenate([[0], np.cumsum(entries.sum(axis=1))]).astype(np.int64)
        squares = np.bincount(points.rows(), np.square(points.feature_values, dtype=np.float64), len(points))[rows]
        after = squares - np.square(gone, dtype=np.float64) + comes * np.square(values, dtype=np.float64)
        scale = np.ones(len(rows))
        if self.spec.norm == "l2":
            scale = np.divide(1, np.sqrt(np.maximum(after, 0)), out=scale, where=after > 1e-12)
        candidates = Candidates(rows, scale.astype(np.float32), splits, ids[entries], amounts[entries])

        def build(chosen: np.ndarray) -> States:
            changes = scipy.sparse.csr_matrix(
                (np.where(entries, amounts, 0)[chosen].ravel(), np.maximum(ids, 0)[chosen].ravel(), 2 * np.arange(len(chosen) + 1)),
                (len(chosen), self.columns),
            )  # fmt: skip
            changed = points_module.from_csr(points.features(self.columns)[rows[chosen]] + changes)
            # Normalised by what normalises every point.
            changed = dataclasses.replace(self.spec, dim=0, signed=False).apply(changed)
            of_rows = rows[chosen]
            contents = [states.contents[row] | {int(new)} for row, new in zip(of_rows, added[chosen])]
            return States(with_labels(changed, points, of_rows), states.owner[of_rows], contents)

        return Proposals(candidates, build)


def _typical(points: Points) -> np.ndarray:
    """Returns the median of the absolute values of each point, float32 [n]; 1 for an empty one."""
    return np.array(
        [
            np.median(np.abs(points.feature_values[begin:end])) if end > begin else 1
            for begin, end in zip(points.row_splits[:-1], points.row_splits[1:])
        ],
        np.float32,
    )
