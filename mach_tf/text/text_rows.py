"""Texts of points as users give them in memory, as one text per field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mach_tf import arguments
from mach_tf.errors import InputError
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.record_fields import RecordFields
from mach_tf.text.readers.settings import InputSettings


def text_rows(texts: Any, fields: Sequence[str]) -> list[Sequence[str]]:
    """Returns the texts of points, one per field for each point.

    Args:
      texts: one point, a sequence of points, or a DataFrame, whose rows are the points. A point is a text, which is taken for the first
        field; a mapping of fields to texts, as a record of JSON Lines, whose other entries are ignored; or a sequence of texts, one
        per field.
      fields: the names of the fields.

    Raises:
      InputError: something else, or a point without one of the fields.

    Example:
      >>> text_rows([{"title": "A", "content": "B"}, ("C", "D"), "E"], ["title", "content"])
      [['A', 'B'], ['C', 'D'], ['E', '']]
    """
    if isinstance(texts, (str, Mapping)):
        texts = [texts]
    if hasattr(texts, "columns") and hasattr(texts, "to_dict"):  # iterated, a DataFrame yields the names of its columns
        texts = texts.to_dict("records")
    if isinstance(texts, (bytes, set, frozenset)) or not isinstance(texts, Iterable):
        raise InputError(f"texts must be a list of texts, one per point (got {arguments.shown(texts)}).")
    reader = RecordFields(InputSettings(text_fields=tuple(fields), labels_optional=True))
    return [_row(point, place, fields, reader) for place, point in enumerate(texts)]


def _row(point: Any, place: int, fields: Sequence[str], reader: RecordFields) -> Sequence[str]:
    if isinstance(point, str):
        return [point, *[""] * (len(fields) - 1)]
    if isinstance(point, Mapping):
        try:
            return reader.read(point)[0]
        except Fault as fault:
            raise InputError(f"texts, point {place}: {fault}") from None
    if isinstance(point, np.ndarray):
        point = point.tolist()
    if isinstance(point, (list, tuple)) and len(point) == len(fields) and all(isinstance(text, str) for text in point):
        return list(point)
    raise InputError(
        f"texts must hold for each point a text, a mapping of fields to texts, or {len(fields)} text(s), of {', '.join(fields)} "
        f"(got {arguments.shown(point)} for point {place})."
    )
