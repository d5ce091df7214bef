"""Which points to explain, and which of their labels: the short texts that name them, and what they stand for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.label_index import LabelIndex
from mach_tf.points import Points

# The text that stands for the labels that a point has.
TRUE = "true"
# The text that stands for all points.
ALL = "all"


def select_points(text: str, points: Points, labels: LabelIndex) -> np.ndarray:
    """Returns the numbers of the points that a text names, int64, in the order given.

    Args:
      text: as `parse_points` or `points_with_label` read it.
      points: the whole input.
      labels: the labels of the model.

    Raises:
      InputError: the text names no points, or points that are not in the input.
    """
    chosen = points_with_label(text, points, labels)
    return parse_points(text, len(points)) if chosen is None else chosen


def parse_points(text: str, n_points: int) -> np.ndarray:
    """Returns the point numbers of "all", or of a list of numbers and ranges, int64, in the order given.

    Args:
      text: "all", or a list such as "0,5,7" or "0-99,200".
      n_points: number of points in the input.

    Raises:
      InputError: the text is no such list, names a point twice, or names one that is not in the input.

    Example:
      >>> parse_points("7,0-2", 10).tolist()
      [7, 0, 1, 2]
    """
    if text == ALL:
        return np.arange(n_points)
    chosen: list[int] = []
    for item in text.split(","):
        match = re.fullmatch(r"(\d{1,12})(?:-(\d{1,12}))?", item.strip(), re.ASCII)
        if match is None:
            raise InputError(
                f"points must be all, label:NAME:COUNT, or numbers and ranges from 0 like 0,5,7 or 0-99 (got {item!r})."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < n_points:
            raise InputError(
                f"points must name points 0 to {n_points - 1} of the input, with ranges in ascending order (got {item!r})."
            )
        chosen.extend(range(first, last + 1))
    if len(set(chosen)) < len(chosen):
        raise InputError(f"points must name each point once (got {text!r}).")
    return np.array(chosen, np.int64)


def points_with_label(text: str, points: Points, labels: LabelIndex) -> Optional[np.ndarray]:
    """Returns the numbers of the first COUNT points with the label NAME, a name, key or id, int64; None if the text is not "label:NAME:COUNT".

    Args:
      text: "label:NAME:COUNT", or another text.
      points: the whole input.
      labels: the labels of the model.

    Raises:
      InputError: no such label, no point with the label, or a COUNT of 0.
    """
    match = re.fullmatch(r"label:(.+):(\d{1,9})", text, re.ASCII)
    if match is None:
        return None
    places = np.flatnonzero(points.label_ids == labels.one(match[1], "points=label:NAME:COUNT"))
    if not len(places) or int(match[2]) < 1:
        raise InputError(
            f"points=label:NAME:COUNT needs a label that points of the input have, and a COUNT of at least 1 (got {text!r})."
        )
    return np.searchsorted(points.label_splits, places[: int(match[2])], side="right") - 1


def top_wanted(text: str, n_labels: int) -> Optional[int]:
    """Returns the N of "top:N", each point's N best labels; None if the text is not of that form.

    Raises:
      InputError: "top:" without a number from 1 to `n_labels`.

    Example:
      >>> top_wanted("top:3", 100)
      3
    """
    if not text.startswith("top:"):
        return None
    number = text[len("top:") :]
    if not re.fullmatch(r"\d{1,9}", number, re.ASCII) or not 1 <= int(number) <= n_labels:
        raise InputError(f"labels=top:N needs a number N from 1 to {n_labels}, the number of labels (got {text!r}).")
    return int(number)


@dataclasses.dataclass(frozen=True)
class LabelChoice:
    """The labels to explain for each point.

    Attributes:
      top: the number of each point's best labels; 0 for none.
      ids: int64, labels that are explained for all points; None for the labels that each point has, if `top` is 0.
    """

    top: int = 0
    ids: Optional[np.ndarray] = None

    def pairs(self, points: Points, top_labels: np.ndarray) -> Pairs:
        """Returns the labels to explain for each point.

        Args:
          points: n points.
          top_labels: int [n, at least `top`], each point's best labels.
        """
        if self.top:
            return Pairs.of_matrix(top_labels[:, : self.top])
        if self.ids is None:
            return Pairs(points.label_splits, points.label_ids)
        return Pairs.of_matrix(np.tile(self.ids, (len(points), 1)))


def choose_labels(text: str, index: LabelIndex) -> LabelChoice:
    """Returns the labels that a text names.

    Args:
      text: "top:N" for each point's N best labels, "true" for its own, or a list of ids, keys or names such as "3,physics".
      index: the labels of the model.

    Raises:
      InputError: the text is none of these, or names a label twice or one that does not exist.

    Example:
      >>> choose_labels("2,cat", LabelIndex(3, ["cat", "pet", "dog"])).ids.tolist()
      [2, 0]
    """
    wanted = top_wanted(text, index.n_labels)
    if wanted is not None or text == TRUE:
        return LabelChoice(wanted or 0)
    items = index.split(text)
    if not items or not all(part.strip() for part in text.split(",")):
        raise InputError(f"labels must be top:N, true, all, or a list of labels such as 3,14 (got {text!r}).")
    called = "by id, name or key" if index.has_names else "by id"
    advice = f"Give top:N, true, all, or labels from 0 to {index.n_labels - 1} {called}."
    ids = [index.one(item, "labels", advice) for item in items]
    if len(set(ids)) < len(ids):
        raise InputError(f"labels must name each label once (got {text!r}).")
    return LabelChoice(ids=np.array(ids, np.int64))


def known_truth(points: Points) -> bool:
    """Returns whether any point has a label; text for prediction has none."""
    return len(points.label_ids) > 0


def label_sets(points: Points) -> Sequence[np.ndarray]:
    """Returns the labels of each point."""
    return np.split(points.label_ids, points.label_splits[1:-1])
