"""Which labels a user names: by ids or names, in a list or a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from mach_tf import arguments, files
from mach_tf.errors import InputError
from mach_tf.label_index import LabelIndex

_ADVICE = "Give label ids such as 3,17, or a file with one label per line"


def select_labels(
    only_labels: Any, n_labels: int, names: Optional[Sequence[str]] = None, keys: Optional[Sequence[str]] = None
) -> np.ndarray:
    """Returns the ids of the labels that are named, int64 [m], ascending and unique.

    Args:
      only_labels: the path of a file with one label per line, a text such as "3,17", or a sequence of labels; each is an id,
        or a key or name if there are any. "id:3" is label 3 even if another label has the name "3".
      n_labels: K.
      names, keys: the name and the key of each label; None if there are none.

    Raises:
      InputError: no label, or one that does not exist.

    Example:
      >>> select_labels("2,0", 3).tolist()
      [0, 2]
      >>> select_labels(["dog", "cat"], 3, ["cat", "pet", "dog"]).tolist()
      [0, 2]
    """
    index = LabelIndex(n_labels, names, keys)
    items = _items(only_labels, index)
    if not len(items):
        raise InputError(f"only_labels must name at least one label (got none). {_ADVICE}.")
    ids = {label for item in items for label in index.find(item, "only_labels", f"{_ADVICE}.")}
    return np.array(sorted(ids), np.int64)


def _items(only_labels: Any, index: LabelIndex) -> Sequence[Any]:
    if isinstance(only_labels, os.PathLike) or (isinstance(only_labels, str) and os.path.exists(only_labels)):
        lines = files.read_text(os.fspath(only_labels), "one label per line").splitlines()
        return [line.strip() for line in lines if line.strip()]
    if isinstance(only_labels, str):
        return index.split(only_labels)
    try:
        found = np.asarray(sorted(only_labels) if isinstance(only_labels, (set, frozenset)) else only_labels)
    except (TypeError, ValueError):  # a set of numbers and texts, or lists of unequal length
        found = np.empty((0, 0))
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iuUO"):
        raise InputError(f"only_labels must be a list of label ids (got {arguments.shown(only_labels)}). {_ADVICE}.")
    return found.tolist()
