"""Shapes: data sets made from another one, to try rules on data that differ. Every choice is seeded.

A shape keeps those labels and features alone that its training points have, and leaves out points that lose all their labels, so that it
looks like a data set of its own. "whole" is the data set as it is. "tenth+short" makes one shape and then another one from it.
"""

from __future__ import annotations

import re
from typing import Any, Callable

import numpy as np
import scipy.sparse

from benchmarks.peers_data import WORD, Data, Part, known_labels

_SEED = 0
# Features of a point, or words of a text, as a short title has.
_SHORT = 8
_TENTH = 10


def make(shape: str, data: Data) -> Data:
    """Returns the data in a shape.

    Args:
      shape: a key of SHAPES: "whole"; "tenth", a tenth of the training points; "half-features", half of the features or words;
        "tail", without the most frequent labels, which carry half of the assignments; "short", 8 features per point, or the first 8 words;
        "many-labels", so few training points that they have more labels than there are points; or several, joined by "+", the first one
        made first.
      data: the data set.
    """
    for part in parts(shape):
        if part != "whole":
            data = known_labels(SHAPES[part](data, np.random.default_rng(_SEED)), drop_points=True)
    return data


def parts(shape: str) -> list[str]:
    """Returns the names that "+" joins in a shape, each of which should be a key of SHAPES."""
    return shape.split("+")


def _whole(data: Data, _: np.random.Generator) -> Data:
    return data


def _tenth(data: Data, random: np.random.Generator) -> Data:
    points = data.train.labels.shape[0]
    rows = random.permutation(points)[: max(1, points // _TENTH)]
    return Data(data.train.take(np.sort(rows)), data.test)


def _half_features(data: Data, random: np.random.Generator) -> Data:
    if not isinstance(data.train.features, list):
        columns = data.train.features.shape[1]
        kept = np.sort(random.permutation(columns)[: max(1, columns // 2)])
        return _map(data, lambda features: features[:, kept])
    words = sorted(
        {word.lower() for part in (data.train, data.test) for text in part.features for word in _words(text)}
    )
    chosen = {words[i] for i in random.permutation(len(words))[: len(words) // 2]}
    return _map(data, lambda texts: [" ".join(w for w in _words(t) if w.lower() in chosen) for t in texts])


def _tail(data: Data, _: np.random.Generator) -> Data:
    counts = np.bincount(data.train.labels.indices, minlength=data.train.labels.shape[1])
    order = np.argsort(-counts, kind="stable")
    head = order[: np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2) + 1]
    kept = np.setdiff1d(np.arange(len(counts)), head)
    return Data(*(Part(part.features, part.labels[:, kept]) for part in (data.train, data.test)))


def _short(data: Data, random: np.random.Generator) -> Data:
    if isinstance(data.train.features, list):
        return _map(data, lambda texts: [" ".join(_words(text)[:_SHORT]) for text in texts])
    return _map(data, lambda features: _few_entries(features, random))


def _many_labels(data: Data, random: np.random.Generator) -> Data:
    """Takes the most points, in a random order, that have more labels than there are points; at least 20."""
    order = random.permutation(data.train.labels.shape[0])
    labels = data.train.labels[order]
    first = np.full(labels.shape[1], len(order))
    rows = np.repeat(np.arange(len(order)), np.diff(labels.indptr))
    np.minimum.at(first, labels.indices, rows)
    seen = np.searchsorted(np.sort(first), np.arange(len(order)), side="right")
    points = np.flatnonzero(seen > np.arange(1, len(order) + 1))
    count = max(20, int(points[-1]) + 1 if len(points) else 0)
    return Data(data.train.take(np.sort(order[:count])), data.test)


SHAPES: dict[str, Callable[[Data, np.random.Generator], Data]] = {
    "whole": _whole,
    "tenth": _tenth,
    "half-features": _half_features,
    "tail": _tail,
    "short": _short,
    "many-labels": _many_labels,
}


def _map(data: Data, change: Callable[[Any], Any]) -> Data:
    return Data(*(Part(change(part.features), part.labels) for part in (data.train, data.test)))


def _words(text: str) -> list[str]:
    return re.findall(WORD, text)


def _few_entries(features: Any, random: np.random.Generator) -> Any:
    """Returns the matrix with at most 8 entries per row, chosen at random."""
    rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
    order = np.lexsort((random.random(len(rows)), rows))
    rank = np.arange(len(rows)) - features.indptr[rows]
    kept = np.sort(order[rank < _SHORT])
    return scipy.sparse.csr_matrix((features.data[kept], (rows[kept], features.indices[kept])), features.shape)
