"""Best-first lists of labels: how every kernel keeps the k best labels of a point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.kernels import jit

# Marks an empty place of a list; with score -inf it ranks behind every label.
NO_LABEL = np.int32(2**31 - 1)


class BestList(NamedTuple):
    """The best labels of one point, by score descending, then by label ascending; or such lists of n points.

    Attributes:
      labels: int32 [k] or [n, k]; NO_LABEL in empty places.
      values: float32, the same shape: the labels' scores; -inf in empty places.
    """

    labels: np.ndarray
    values: np.ndarray

    @classmethod
    def empty(cls, *shape: int) -> BestList:
        """Returns lists without labels."""
        return cls(np.full(shape, NO_LABEL, np.int32), np.full(shape, -np.inf, np.float32))


@jit(inline="always")
def ranks_before(score, label, other_score, other_label):
    return score > other_score or (score == other_score and label < other_label)


@jit()
def insert(best, label, score):
    """Adds a label to a point's list unless the list holds it or ends before it; returns the k-th best score."""
    labels, values = best.labels, best.values
    j = len(values)
    while j > 0 and ranks_before(score, label, values[j - 1], labels[j - 1]):
        j -= 1
    if j < len(values) and not (j > 0 and labels[j - 1] == label):
        for i in range(len(values) - 1, j, -1):
            values[i] = values[i - 1]
            labels[i] = labels[i - 1]
        values[j] = score
        labels[j] = label
    return values[-1]


def copies(best, points, n_copies):
    """Copies the lists of some points, [n_copies, len(points), k]: what kernels add to where several work on one point."""
    return BestList(np.tile(best.labels[points], (n_copies, 1, 1)), np.tile(best.values[points], (n_copies, 1, 1)))


@jit()
def merge(parts, points, best):
    """Adds lists [parts, len(points), k] to the lists [n, k] of these points."""
    for i in range(len(points)):
        merged = BestList(best.labels[points[i]], best.values[points[i]])
        for part in range(len(parts.labels)):
            for j in range(parts.labels.shape[2]):
                insert(merged, parts.labels[part, i, j], parts.values[part, i, j])
