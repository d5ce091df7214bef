"""Parsed JSON as values of annotated types: dataclasses, lists and dictionaries."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any


def from_json(kind: Any, value: Any) -> Any:
    """Builds a value of an annotated type from parsed JSON, and checks the types.

    Args:
      kind: a dataclass, `list[...]`, `dict[str, ...]`, a plain type or Any.
      value: what `json.loads` returned.

    Raises:
      TypeError, ValueError: the value has a different type, or a dataclass lacks a field, has an unknown one or refuses it.

    Example:
      >>> from_json(list[int], [1, 2])
      [1, 2]
    """
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = sorted(set(value) - set(hints))
        if unknown:
            raise ValueError(f"unknown fields {unknown}")
        return kind(**{name: from_json(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if kind is Any:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if not isinstance(value, origin or kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind}, got {value!r}")
    if origin is list:
        return [from_json(arguments[0], item) for item in value]
    if origin is dict:
        return {name: from_json(arguments[1], item) for name, item in value.items()}
    return value
