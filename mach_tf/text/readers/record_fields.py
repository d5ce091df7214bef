"""Texts and labels of records that are dictionaries: objects of JSON Lines, rows of Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mach_tf.arguments import shown
from mach_tf.text.readers.indicators import is_indicated
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.settings import InputSettings

_SHOWN_FIELDS, _SHOWN_SUBFIELDS = 12, 3


class _Missing(Fault):
    """A record lacks a field."""


class RecordFields:
    """Finds the texts and labels of a record.

    A name with dots leads to a nested field, unless the record has a field of that very name; on the way to labels, it leads into
    each element of a list. Null is an empty text, or no label.
    """

    def __init__(self, settings: InputSettings) -> None:
        """Keeps the names of the fields."""
        self._texts = [(name, name.split(".")) for name in settings.text_fields]
        self._labels = [(name, name.split(".")) for name in settings.label_fields]
        self._separator = settings.label_separator
        self._labels_optional = settings.labels_optional
        self._indicators = settings.label_indicators

    def read(self, record: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
        """Returns the texts and the labels.

        Raises:
          Fault: a field is missing or has a wrong type.
        """
        return [self._text(record, name, path) for name, path in self._texts], [
            label for name, path in self._labels for label in self._keys(record, name, path)
        ]

    def _text(self, record: Mapping[str, Any], name: str, path: list[str]) -> str:
        # Most fields are found without a call.
        value = record[name] if name in record else _find(record, name, path)
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        remedy = _subfields(value, name)
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            remedy = "; join its parts into one string"
        raise Fault(f"a text must be a string (got {shown(value)} in {name}){remedy}.")

    def _keys(self, record: Mapping[str, Any], name: str, path: list[str]) -> list[str]:
        if self._labels_optional and path[0] not in record and name not in record:
            return []
        try:
            value = record[name] if name in record else _find(record, name, path, in_lists=True)
        except _Missing:
            if self._labels_optional:
                return []
            raise
        if self._indicators:
            return [name] if is_indicated(value, name) else []
        if value is None:
            return []
        if isinstance(value, str):
            return split_labels(value, self._separator)
        items = value if isinstance(value, list) else [value]
        return [item if isinstance(item, str) else _key(item, name) for item in items]


def split_labels(text: str, separator: Optional[str]) -> list[str]:
    """Returns the labels of a string: itself, or its parts between separators; empty ones are none.

    Example:
      >>> split_labels("physics; optics;", ";")
      ['physics', 'optics']
    """
    parts = [text] if separator is None else text.split(separator)
    return [part.strip() for part in parts if part and not part.isspace()]


def _key(value: Any, name: str) -> str:
    """Returns the label that a whole number stands for."""
    if not isinstance(value, int) or isinstance(value, bool):
        remedy = f"; write it as {value:.0f}" if isinstance(value, float) and value.is_integer() else ""
        raise Fault(
            f"a label must be a string or a whole number (got {shown(value)} in {name}){remedy or _subfields(value, name)}."
        )
    if value < 0:
        raise Fault(f"a label that is a number must not be negative (got {value} in {name}).")
    return str(value)


def _find(record: Mapping[str, Any], name: str, path: list[str], in_lists: bool = False) -> Any:
    """Returns the value of a field; None for null, also on the way to a nested field."""
    if name in record:
        return record[name]
    value: Any = record
    for depth, part in enumerate(path):
        if value is None:
            return None
        if in_lists and isinstance(value, list):
            rest = path[depth:]
            found = [_find(_object(item, name), ".".join(rest), rest, in_lists) for item in value]
            return [one for item in found for one in (item if isinstance(item, list) else [item])]
        if not isinstance(value, dict) or part not in value:
            raise _missing(record, name)
        value = value[part]
    return value


def _object(item: Any, name: str) -> Mapping[str, Any]:
    if isinstance(item, dict):
        return item
    raise Fault(f"the list on the way to {name} must hold objects (got {shown(item)}).")


def _subfields(value: Any, name: str) -> str:
    """Returns the end of a sentence that names the fields of an object that stands where a string should; "" for other values."""
    fields = [str(field) for field in value] if isinstance(value, dict) else []
    if fields and fields == [str(number) for number in range(len(fields))]:
        return "; write one record per line (pandas: to_json(FILE, orient='records', lines=True))"
    names = " or ".join(f"{name}.{field}" for field in fields[:_SHOWN_SUBFIELDS] if field.isprintable())
    return f"; name a field of the object, such as {names}" if names else ""


def _missing(record: Mapping[str, Any], name: str) -> _Missing:
    fields = ", ".join(shown(field)[1:-1] for field in list(record)[:_SHOWN_FIELDS])
    return _Missing(f"a record must have the field {name} (got the fields {fields or 'of an empty object'}).")
