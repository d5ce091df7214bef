"""What the flags ask for: which points, which of their labels, and from which baseline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.points import Points


def parse_points(text: str, count: int) -> np.ndarray:
    """Point numbers of "all", or of a list of numbers and ranges, "0,5,7" or "0-99,200": int64, in the order given.

    Args:
      text: the value of --points.
      count: points in the input.

    Raises:
      InputError: not such a list, a number twice, or one that is not in the input.
    """
    if text == "all":
        return np.arange(count)
    chosen: list[int] = []
    for item in text.split(","):
        match = re.fullmatch(r"(\d{1,12})(?:-(\d{1,12}))?", item.strip(), re.ASCII)
        if match is None:
            raise InputError(f"--points must be all, or numbers and ranges from 0 like 0,5,7 or 0-99 (got {item!r}).")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < count:
            raise InputError(f"--points must name points 0 to {count - 1} of the input, ranges upwards (got {item!r}).")
        chosen.extend(range(first, last + 1))
    if len(set(chosen)) < len(chosen):
        raise InputError(f"--points must name each point once (got {text!r}).")
    return np.array(chosen, np.int64)


def points_with_label(text: str, points: Points, label_names: Optional[Sequence[str]]) -> Optional[np.ndarray]:
    """Point numbers of "label:NAME:COUNT", the first COUNT points with that label: int64; None where --points asks for others.

    Args:
      text: the value of --points.
      points: the whole input.
      label_names: of all labels; None where the dataset has no names, and NAME is an id.

    Raises:
      InputError: no such label, no COUNT, or no point with the label.
    """
    match = re.fullmatch(r"label:(.+):(\d{1,9})", text, re.ASCII)
    if match is None:
        return None
    names = label_names if label_names is not None else range(int(points.label_ids.max(initial=-1)) + 1)
    label = next((i for i, name in enumerate(names) if str(name) == match[1]), None)
    places = np.flatnonzero(points.label_ids == label) if label is not None else np.zeros(0, np.int64)
    if not len(places) or int(match[2]) < 1:
        raise InputError(f"--points=label:NAME:COUNT needs a label that points of the input have (got {text!r}).")
    return np.searchsorted(points.label_splits, places[: int(match[2])], side="right") - 1


def top_wanted(text: str, labels: int) -> Optional[int]:
    """How many of each point's best labels --labels asks for; None where it asks for others.

    Raises:
      InputError: "top:" without a number from 1 to the number of labels.
    """
    if not text.startswith("top:"):
        return None
    number = text[len("top:") :]
    if not re.fullmatch(r"\d{1,9}", number, re.ASCII) or not 1 <= int(number) <= labels:
        raise InputError(f"--labels=top:N needs a number N from 1 to {labels}, the number of labels (got {text!r}).")
    return int(number)


def parse_label_ids(text: str, labels: int) -> np.ndarray:
    """Label ids of a list "3,14", int64.

    Raises:
      InputError: something else, an id twice, or one that is no label.
    """
    items = [item.strip() for item in text.split(",")]
    if not all(re.fullmatch(r"\d{1,12}", item, re.ASCII) for item in items):
        raise InputError(f"--labels must be top:N, true, all, or label ids like 3,14 (got {text!r}).")
    ids = np.array([int(item) for item in items], np.int64)
    if ids.max() >= labels or len(np.unique(ids)) < len(ids):
        raise InputError(f"--labels must name different labels from 0 to {labels - 1} (got {text!r}).")
    return ids


def check_labels(text: str, labels: int) -> None:
    """Raises InputError unless `pairs` can read --labels."""
    if text != "true" and top_wanted(text, labels) is None:
        parse_label_ids(text, labels)


def pairs(text: str, points: Points, labels: int, top_labels: np.ndarray) -> Pairs:
    """The labels that --labels asks for, point by point.

    Args:
      text: "top:N", "true" or ids.
      points: n points.
      labels: K.
      top_labels: int [n, at least N], each point's best labels.
    """
    wanted = top_wanted(text, labels)
    if wanted is not None:
        return repeated(top_labels[:, :wanted])
    if text == "true":
        return Pairs(points.label_splits, points.label_ids)
    return repeated(np.tile(parse_label_ids(text, labels), (len(points), 1)))


def repeated(labels: np.ndarray) -> Pairs:
    """Pairs of equally many labels a point, int [n, m]."""
    count, each = labels.shape
    return Pairs(np.arange(count + 1, dtype=np.int64) * each, labels.reshape(-1).astype(np.int64))


def parse_baseline(text: str, count: int) -> Optional[int]:
    """The point of "point:ID", None for "zero" and "mean".

    Raises:
      InputError: something else.
    """
    if text in ("zero", "mean"):
        return None
    match = re.fullmatch(r"point:(\d{1,12})", text, re.ASCII)
    if match is None or int(match[1]) >= count:
        raise InputError(
            f"--baseline must be zero, mean (of the training points), or point:ID with a point 0 to {count - 1} of the input "
            f"(got {text!r})."
        )
    return int(match[1])


def known_truth(points: Points) -> bool:
    """Whether labels are known: text for prediction has none anywhere."""
    return len(points.label_ids) > 0


def label_sets(points: Points) -> Sequence[np.ndarray]:
    """Each point's labels."""
    return np.split(points.label_ids, points.label_splits[1:-1])
