"""The labels that are explained for each point, as users of Python give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mach_tf import arguments
from mach_tf.errors import InputError
from mach_tf.label_index import LabelIndex
from mach_tf.label_titles import LabelTitles


def labels_to_explain(labels: Any, n_points: int, n_labels: int, titles: LabelTitles) -> np.ndarray:
    """Returns the ids of the labels to explain, int64 [n] or [n, m].

    Args:
      labels: ids, names or keys, [n] or [n, m]; or a text such as "3,physics", for all points.
      n_points: n.
      n_labels: K.
      titles: the names and keys of the labels.

    Raises:
      InputError: something else, or a label that does not exist or whose name is that of several.

    Example:
      >>> labels_to_explain("dog,0", 2, 3, LabelTitles(["cat", "pet", "dog"])).tolist()
      [[2, 0], [2, 0]]
    """
    if isinstance(labels, str):
        index = LabelIndex(n_labels, *titles)
        labels = [[index.one(item, "labels") for item in index.split(labels)]] * n_points
    try:
        array = np.asarray(labels)
    except ValueError:  # rows of unequal length
        array = np.empty(0, object)
    are_texts = array.dtype.kind in "UO" and all(isinstance(item, str) for item in array.flat)
    if are_texts and array.ndim in (1, 2) and titles != LabelTitles():
        index = LabelIndex(n_labels, *titles)
        found = [index.one(str(item), "labels") for item in array.flat]
        array = np.array(found, np.int64).reshape(array.shape)
    if array.ndim not in (1, 2) or len(array) != n_points or array.dtype.kind not in "iu":
        raise InputError(
            f"labels must be integers [{n_points}] or [{n_points}, m], equally many for each point (got {arguments.shown(labels)})."
        )
    if array.size and not 0 <= array.min() <= array.max() < n_labels:
        raise InputError(f"labels must be in [0, {n_labels}) (got {array.min()} to {array.max()}).")
    return array
