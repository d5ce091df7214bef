"""The fewest features of a point without which a label is no longer among the top k.

A candidate is a set of raw features to leave out. The point without them is hashed and normalised as any point is, and the decoder says
whether the label is still among its top k: every answer is verified, and what is said holds for the deployed model. First the features
are left out in the order of their attributions until the label is gone, and those that turn out not to be needed are put back. Then all
smaller sets are tried, size by size, as long as the number of candidates allows it: if every smaller set was tried, the answer is the
fewest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

import numpy as np

from mach_tf.network import Network
from mach_tf.points import Points

# Candidates that the search of smaller sets may try for one label, and those decoded together.
CANDIDATES = 4000
_AT_ONCE = 500


class Counterfactual(NamedTuple):
    """What must be left out of a point so that a label is no longer among its top k.

    Attributes:
      k: the number of labels.
      removed: raw ids of the features, those with the largest attributions first; empty if the label is not among the top k anyway, None
        if no set was found.
      is_fewest: whether no smaller set does it (or, of None, no set at all): all were tried.
    """

    k: int
    removed: Optional[tuple[int, ...]]
    is_fewest: bool

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return {**self._asdict(), "removed": None if self.removed is None else list(self.removed)}


def counterfactual(
    network: Network, raw: Points, label: int, k: int, order: np.ndarray, estimator: str, candidates: int = CANDIDATES
) -> Counterfactual:
    """Searches the fewest features of a raw point without which a label is not among the top k.

    Args:
      network: the model.
      raw: one raw point.
      label: the label.
      k: in [1, K - 1]; of all K labels every label is always one.
      order: int [features], positions of the point's features, those to leave out first in front.
      estimator: the estimator that ranks labels.
      candidates: the number of smaller sets that may be tried.
    """
    ids, count = raw.feature_ids, len(raw.feature_ids)

    def first_that_works(sets: Iterator[tuple[int, ...]]) -> Optional[tuple[int, ...]]:
        while some := list(itertools.islice(sets, _AT_ONCE)):
            gone = _gone(network, raw, some, label, k, estimator)
            if gone.any():
                return some[int(gone.argmax())]
        return None

    if first_that_works(iter([()])) is not None:
        return Counterfactual(k, (), True)
    found = first_that_works(tuple(order[:size].tolist()) for size in range(1, count + 1))
    for position in reversed(found or ()):
        fewer = tuple(other for other in found or () if other != position)
        found = first_that_works(iter([fewer])) or found
    limit, tried, size = count + 1 if found is None else len(found), 0, 1
    while size < limit and tried + (more := math.comb(count, size)) <= candidates:
        smaller = first_that_works(itertools.combinations(order.tolist(), size))
        if smaller is not None:
            found, limit = smaller, size
            break
        tried, size = tried + more, size + 1
    removed = None if found is None else tuple(ids[list(found)].tolist())
    return Counterfactual(k, removed, size >= limit)


def _gone(network: Network, raw: Points, sets: list[tuple[int, ...]], label: int, k: int, estimator: str) -> np.ndarray:
    """Returns for which sets of positions the label is not among the top k of the point without them, bool [sets]."""
    kept = np.ones((len(sets), len(raw.feature_ids)), bool)
    for row, positions in enumerate(sets):
        kept[row, list(positions)] = False
    columns = np.nonzero(kept)[1]
    row_splits = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
    none = np.zeros(len(sets) + 1, np.int64)
    points = Points(row_splits, raw.feature_ids[columns], raw.feature_values[columns], none, raw.label_ids[:0])
    decoded = network.decode(network.hash_points(points), k, estimator)
    return ~(decoded.labels == label).any(axis=1)
