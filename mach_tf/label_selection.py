"""Which labels a user names: by ids or names, in a list or a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from mach_tf import arguments, files
from mach_tf.errors import InputError

_ID_PREFIX = "id:"
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
    items = _items(only_labels)
    if not len(items):
        raise InputError(f"only_labels must name at least one label (got none). {_ADVICE}.")
    places: dict[str, list[int]] = {}
    for texts in (keys, names):
        for place, text in enumerate(texts or ()):
            places.setdefault(text, []).append(place)
    ids = {label for item in items for label in _ids(item, n_labels, places)}
    return np.array(sorted(ids), np.int64)


def _items(only_labels: Any) -> Sequence[Any]:
    if isinstance(only_labels, os.PathLike) or (isinstance(only_labels, str) and os.path.exists(only_labels)):
        lines = files.read_text(os.fspath(only_labels), "one label per line").splitlines()
        return [line.strip() for line in lines if line.strip()]
    if isinstance(only_labels, str):
        return [item.strip() for item in only_labels.split(",") if item.strip()]
    try:
        found = np.asarray(sorted(only_labels) if isinstance(only_labels, (set, frozenset)) else only_labels)
    except (TypeError, ValueError):  # a set of numbers and texts, or lists of unequal length
        found = np.empty((0, 0))
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iuUO"):
        raise InputError(f"only_labels must be a list of label ids (got {arguments.shown(only_labels)}). {_ADVICE}.")
    return found.tolist()


def _ids(item: Any, n_labels: int, places: dict[str, list[int]]) -> list[int]:
    """Returns the labels that one item names: the id, or all labels with the key or name."""
    text = str(item)
    named = places.get(text, []) if isinstance(item, str) else []
    digits = text if named else text.removeprefix(_ID_PREFIX)
    label = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else -1
    if named and label not in (-1, *named) and label < n_labels:
        raise InputError(
            f"only_labels must be unambiguous (got {text!r}, which is a label id and the name of label {named[0]}). Give "
            f"{_ID_PREFIX}{text} or {_ID_PREFIX}{named[0]}."
        )
    if named:
        return named
    if not 0 <= label < n_labels:
        known = " or names or keys of labels" if places else ""
        raise InputError(f"only_labels must hold label ids in [0, {n_labels}){known} (got {text!r:.60}). {_ADVICE}.")
    return [label]
