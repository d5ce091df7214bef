"""Labels given as a sequence of label sequences, [["cat", "pet"], [], ["dog"]], or as one label per point."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from mach_tf.errors import InputError


class LabelSets(NamedTuple):
    """Labels of n points.

    Attributes:
      classes: the K distinct labels, sorted; strings of a list come as dtype object.
      indicator: float32 CSR [n, K], 1 for each label of a point, in the order of `classes`.
      single: whether Y held one label per point instead of a sequence of them.
    """

    classes: np.ndarray
    indicator: scipy.sparse.csr_matrix
    single: bool


def is_label_matrix(Y: Any) -> bool:
    """Returns whether Y is an indicator matrix: sparse, a DataFrame, a 2-D array of numbers, or nested lists of 0 and 1.

    Nested lists count as one if all rows have the same length, at least 2, and hold only 0, 1 or bool: as label sequences
    they would repeat a label, or give both labels to every point.
    """
    if scipy.sparse.issparse(Y) or (hasattr(Y, "columns") and hasattr(Y, "to_numpy")):
        return True
    if isinstance(Y, (list, tuple)):
        return _is_nested_indicator(Y)
    array = np.asarray(Y) if hasattr(Y, "__array__") else np.empty(0)
    if array.ndim != 2 or array.dtype.kind in "US":
        return False
    return array.dtype.kind != "O" or not any(isinstance(label, Collection) for label in array.flat)


def label_sequences(Y: Any, name: str = "Y", *, min_classes: int = 1) -> LabelSets:
    """Converts label sequences to classes and an indicator matrix.

    Args:
      Y: for each point a list, tuple, set or array of labels, which may be empty and may repeat a label; or for each point
        one label, as a 1-D array or a list. All labels are integers, all are strings, or (as in scikit-learn's targets)
        all are bools or whole floats.
      name: what messages call Y.
      min_classes: how many distinct labels there must be; 0 also takes points that have none.

    Raises:
      InputError: Y breaks a rule; the message names the point.

    Example:
      >>> sets = label_sequences([["cat", "pet"], [], ["dog"]])
      >>> sets.classes
      array(['cat', 'dog', 'pet'], dtype=object)
      >>> sets.indicator.toarray().astype(int)
      array([[1, 0, 1],
             [0, 0, 0],
             [0, 1, 0]])
    """
    if isinstance(Y, (str, bytes, Mapping)) or not (hasattr(Y, "__array__") or isinstance(Y, Collection)):
        raise InputError(f"{name} must hold the labels of each point, as in [[3, 17], [4]] (got {type(Y).__name__}).")
    if isinstance(Y, (set, frozenset)):
        raise InputError(f"{name} must hold the labels of each point in the points' order (got a set). Use a list.")
    points = np.asarray(Y) if hasattr(Y, "__array__") else list(Y)
    if isinstance(points, np.ndarray):
        if points.ndim not in (1, 2):
            raise InputError(f"{name} must be 1-D or a sequence of sequences (got {points.ndim}-D, {points.shape}).")
        if points.ndim == 1 and points.dtype.kind != "O":
            return _assemble(points, np.ones(len(points), np.int64), True, name, min_classes)
        points = list(points)
    single = [not isinstance(labels, Collection) or isinstance(labels, (str, bytes, Mapping)) for labels in points]
    if all(single):
        return _assemble(points, np.ones(len(points), np.int64), True, name, min_classes)
    if any(single):
        place = single.index(True)
        raise InputError(
            f"{name} must hold a sequence of labels for every point (got {points[place]!r:.60} for point {place}). "
            f"Write a single label as [{points[place]!r:.60}]."
        )
    lengths = np.fromiter(map(len, points), np.int64, len(points))
    return _assemble(list(itertools.chain.from_iterable(points)), lengths, False, name, min_classes)


def _is_nested_indicator(Y: Sequence[Any]) -> bool:
    if not Y or not all(isinstance(row, (list, tuple, np.ndarray)) for row in Y):
        return False
    if any(isinstance(row, np.ndarray) and row.ndim != 1 for row in Y):
        return False
    lengths = set(map(len, Y))
    if len(lengths) != 1 or max(lengths) < 2:
        return False
    try:
        array = np.asarray(Y)
    except ValueError:  # rows of rows that differ
        return False
    return array.ndim == 2 and array.dtype.kind in "biuf" and bool(((array == 0) | (array == 1)).all())


def _assemble(labels: Any, lengths: np.ndarray, single: bool, name: str, min_classes: int) -> LabelSets:
    """Label sets of all points' labels in a row."""
    splits = np.concatenate([[0], np.cumsum(lengths)])
    classes, ids = _classes(labels, splits, name) if len(labels) else (np.empty(0, object), np.empty(0, np.int64))
    if len(classes) < min_classes:
        raise InputError(
            f"{name} must name at least {min_classes} label(s) (got {len(classes)} in {len(lengths)} points)."
        )
    ones = np.ones(len(ids), np.float32)
    indicator = scipy.sparse.csr_matrix((ones, ids, splits), shape=(len(lengths), len(classes)))
    indicator.sum_duplicates()
    indicator.data[:] = 1
    return LabelSets(classes, indicator, single)


def _classes(labels: Any, splits: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The distinct labels, sorted, and the place of each label among them."""
    kind = _kind(labels, splits, name)
    if kind == "str" and not isinstance(labels, np.ndarray):
        # Not a string array: each of its items would take the room of the longest.
        classes = np.array(sorted(set(labels)), object)
        place_of = {label: place for place, label in enumerate(classes)}
        return classes, np.fromiter(map(place_of.__getitem__, labels), np.int64, len(labels))
    try:
        array = labels if isinstance(labels, np.ndarray) else np.array(labels, {"int": np.int64}.get(kind))
    except OverflowError:
        raise InputError(f"{name} must hold integers of at most 64 bits. Use strings: str(label).") from None
    whole = np.isfinite(array) & (np.trunc(array) == array) if kind == "float" else np.True_
    if not whole.all():
        wrong = int(np.flatnonzero(~whole)[0])
        raise InputError(
            f"{name} must hold integers or strings as labels (got {array[wrong]} for point {_point(splits, wrong)}). "
            "Unknown label type: continuous."
        )
    classes, ids = np.unique(array, return_inverse=True)
    return classes, ids


def _kind(labels: Any, splits: np.ndarray, name: str) -> str:
    """The one type of all labels."""
    if isinstance(labels, np.ndarray):
        kinds = {_kind_of(labels.dtype.type)}
    else:
        kinds = {_kind_of(kind) for kind in set(map(type, labels))}
    if kinds <= {"int", "str", "bool", "float"} and len(kinds) == 1:
        return kinds.pop()
    first = _kind_of(type(labels[0]))
    different = next((i for i, label in enumerate(labels) if _kind_of(type(label)) != first), 0)
    if first in ("int", "str", "bool", "float"):
        raise InputError(
            f"{name} must hold labels of one type, all integers or all strings (got {labels[0]!r:.60} for point "
            f"{_point(splits, 0)} and {labels[different]!r:.60} for point {_point(splits, different)}). "
            "Convert them: str(label)."
        )
    raise InputError(
        f"{name} must hold integers or strings as labels (got {labels[0]!r:.60} for point {_point(splits, 0)}). "
        f"Unknown label type: {type(labels[0]).__name__}."
    )


def _kind_of(kind: type) -> str:
    if issubclass(kind, (bool, np.bool_)):
        return "bool"
    if issubclass(kind, str):
        return "str"
    if issubclass(kind, numbers.Integral):
        return "int"
    return "float" if issubclass(kind, (float, np.floating)) else "other"


def _point(splits: np.ndarray, label: int) -> int:
    """The point that a label, counted over all points, belongs to."""
    return int(np.searchsorted(splits, label, side="right")) - 1
