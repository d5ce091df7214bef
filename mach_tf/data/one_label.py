"""The rule of multiclass data: each point has exactly one label."""

from __future__ import annotations

import numpy as np

from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.points import Points

_SHOWN_LABELS = 5


def check_points(points: Points, where: str, first: int = 0) -> None:
    """Checks that each point has exactly one label.

    Args:
      points: points with labels.
      where: the points, as "of the test split".
      first: the number of the first of them, for the message.

    Raises:
      InputError: one has none or several; the message names the first.
    """
    counts = np.diff(points.label_splits)
    wrong = np.flatnonzero(counts != 1)
    if not len(wrong):
        return
    point = int(wrong[0])
    labels = points.label_ids[points.label_splits[point] : points.label_splits[point + 1]]
    named = ", ".join(map(str, labels[:_SHOWN_LABELS].tolist())) + (", ..." if len(labels) > _SHOWN_LABELS else "")
    got = f"{len(labels)} labels ({named})" if len(labels) else "none"
    raise InputError(
        f"Each point must have exactly one label if task is multiclass (got {got} for point {first + point} {where}). "
        "Train with task=multilabel, or leave such points out."
    )


def check_split(data: DatasetReader, split: str) -> None:
    """Checks that each point of a split has exactly one label; reads the points only if the totals say that one does not.

    Raises:
      InputError: as of `check_points`.
    """
    totals = data.manifest.split(split)
    if totals.labels == totals.points and not totals.without_labels:
        return
    first = 0
    for points in data.iterate_points(split):
        check_points(points, f"of the {split} split", first)
        first += len(points)
