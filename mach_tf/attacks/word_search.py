"""Greedy and beam search for the m changes of words that hurt most.

From each state, a point after some changes, every change of one word is a candidate. All candidates are ranked by the margin of the state's own two
labels (`candidate_margins`), and the best of them evaluated as a new point: forward pass, decoding, the two labels that count now. The `beam`
best new states of a point are the next ones; a beam of 1 is the greedy search. The result for m words is the best state met with m changes
or fewer, so that more words never help the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional, Protocol

import numpy as np

from mach_tf.attacks.candidate_margins import candidate_margins
from mach_tf.attacks.objectives import Objective
from mach_tf.attacks.word_states import Gradient, Proposals, States
from mach_tf.points import Points, concatenate

# New points evaluated per state, or the size of the beam if that is larger.
TRIED = 4
# Points evaluated, and features changed, at a time.
_AT_ONCE, _FEATURES_AT_ONCE = 256, 1 << 16


class Changes(Protocol):
    """What can be changed: FeatureChanges or TextChanges."""

    def start(self, points: Points, first: int) -> States:
        """Returns unchanged points as states."""

    def proposals(self, states: States, gradient: Gradient) -> Proposals:
        """Returns changes of one word."""


# From points, the rows they belong to and a support, the objective of these points.
MakeObjective = Callable[[Points, np.ndarray, str], Objective]


def word_search(
    changes: Changes, objective: MakeObjective, points: Points, first: int, words: Sequence[int], beam: int
) -> list[States]:
    """Returns for each number of words the best states, one per point, in the order of the points.

    Args:
      changes: what can be changed.
      objective: makes the objective of states.
      points: n hashed points with labels.
      first: number of points before them.
      words: numbers of words, 0 or more, in any order.
      beam: states that are kept per point.
    """
    states = changes.start(points, first)
    best, best_worth = states, _worth(objective, states)
    found = {0: best}
    for step in range(1, max(words, default=0) + 1):
        if len(states.points):
            states, worth = _step(changes, objective, states, beam)
            best, best_worth = _better(best, best_worth, states, worth)
        found[step] = best
    return [found[number] for number in words]


def _step(changes: Changes, objective: MakeObjective, states: States, beam: int) -> tuple[States, np.ndarray]:
    """Returns the `beam` best states of each point after one more change, best first, and their worth."""
    parts, worths = [], []
    for rows in _blocks(states.points):
        part = _best_changes(changes, objective, states.take(rows), max(beam, TRIED))
        if part is not None:
            parts.append(part)
            worths.append(_worth(objective, part))
    if not parts:
        return states.take(np.zeros(0, np.int64)), np.zeros(0)
    found, worth = _joined(parts), np.concatenate(worths)
    order = np.lexsort((-worth, found.owner))
    chosen: list[int] = []
    seen: dict[int, set[bytes]] = {}
    for place in order.tolist():
        # Two changes in either order lead to the same point.
        same = seen.setdefault(int(found.owner[place]), set())
        begin, end = found.points.row_splits[place : place + 2]
        key = (
            found.points.feature_ids[begin:end].tobytes()
            + np.round(found.points.feature_values[begin:end], 5).tobytes()
        )
        if len(same) < beam and key not in same:
            same.add(key)
            chosen.append(place)
    kept = np.array(chosen, np.int64)
    return found.take(kept), worth[kept]


def _best_changes(changes: Changes, objective: MakeObjective, states: States, tried: int) -> Optional[States]:
    """Returns the most promising changes of each state; None if there are none."""
    own = objective(states.points, states.owner, "nonzero")
    labels = own.pair(own.inputs.clean)
    valid = np.flatnonzero((labels.up >= 0) & (labels.down >= 0))
    if not len(valid):
        return None
    hidden_inputs = [np.asarray(each)[valid] for each in labels.hidden_inputs]
    states = states.take(valid)
    candidates, build = changes.proposals(states, lambda some: _gradient(objective, some))
    if not len(candidates):
        return None
    margins = candidate_margins(
        own.network, states.points, hidden_inputs, labels.up[valid], labels.down[valid], candidates, own.estimator
    )
    order = np.lexsort((-margins, candidates.state))
    starts = np.searchsorted(candidates.state[order], np.arange(len(valid)))
    rank = np.arange(len(order)) - starts[candidates.state[order]]
    return build(np.sort(order[rank < tried]))


def _gradient(objective: MakeObjective, states: States) -> np.ndarray:
    dense = objective(states.points, states.owner, "dense")
    return dense.gradient(dense.inputs.clean)


def _worth(objective: MakeObjective, states: States) -> np.ndarray:
    parts = [np.zeros(0)]
    for begin in range(0, len(states.points), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        one = objective(states.points[some], states.owner[some], "nonzero")
        parts.append(one.worth(one.inputs.clean))
    return np.concatenate(parts)


def _better(best: States, best_worth: np.ndarray, states: States, worth: np.ndarray) -> tuple[States, np.ndarray]:
    """Returns for each point the best of its states, best first by point, and of the best before."""
    owners, places = np.unique(states.owner, return_index=True)
    rises = worth[places] > best_worth[owners]
    owners, places = owners[rises], places[rises]
    rows, best_worth = np.arange(len(best_worth)), best_worth.copy()
    rows[owners], best_worth[owners] = len(best_worth) + places, worth[places]
    return _joined([best, states]).take(rows), best_worth


def _blocks(points: Points) -> list[np.ndarray]:
    """Cuts points into blocks with few features each, as every feature has candidates."""
    block = np.maximum(points.row_splits[1:] // _FEATURES_AT_ONCE, np.arange(len(points)) // _AT_ONCE)
    return np.split(np.arange(len(points)), np.flatnonzero(np.diff(block)) + 1)


def _joined(parts: Sequence[States]) -> States:
    return States(
        concatenate([part.points for part in parts]),
        np.concatenate([part.owner for part in parts]),
        [content for part in parts for content in part.contents],
    )
