"""Parsed JSON as values of annotated types: dataclasses, lists and dictionaries."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, TypeVar, Union

from mach_tf.errors import InputError

_Content = TypeVar("_Content")


def read_dataclass(kind: type[_Content], value: dict[str, Any], path: str, schema_version: int) -> _Content:
    """Builds the content of a file, whose fields bound themselves, from its parsed JSON.

    Args:
      kind: a dataclass with a `schema_version`.
      value: what the file holds.
      path: the file, for messages.
      schema_version: the version that this program reads.

    Raises:
      InputError: the file has another schema version, or its content is impossible.
    """
    version = value.get("schema_version")
    if version != schema_version or isinstance(version, bool):
        raise InputError(
            f"{path} must have schema version {schema_version} (got {version!r:.80}); a different version of mach_tf wrote it: "
            "make it again."
        )
    try:
        return from_json(kind, value)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"{path} does not fit the schema ({reason:.300}); the file is damaged: make it again."
        ) from None


def check_ranges(content: Any, **ranges: tuple[int, int]) -> None:
    """Raises InputError for an attribute that is not in its range; the message is a part of a sentence.

    Args:
      content: any object.
      **ranges: the least and the greatest value of attributes, by name.

    Example:
      >>> check_ranges(range(3, 9), start=(0, 5))
    """
    for name, (least, most) in ranges.items():
        value = getattr(content, name)
        if not least <= value <= most:
            raise InputError(f"{name} must be in [{least}, {most}] (got {value!s:.40})")


def from_json(kind: Any, value: Any) -> Any:
    """Builds a value of an annotated type from parsed JSON, and checks the types.

    Args:
      kind: a dataclass, `list[...]`, `tuple[...]` (a list in JSON), `dict[str, ...]`, `Optional[...]`, a plain type or Any.
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
    if origin is Union:
        return None if value is None else from_json(arguments[0], value)
    if origin is tuple:
        return _tuple(arguments, value)
    if not isinstance(value, origin or kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind}, got {value!r:.80}")
    if origin is list:
        return [from_json(arguments[0], item) for item in value]
    return {name: from_json(arguments[1], item) for name, item in value.items()} if origin is dict else value


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = from_json(list[Any], value)
    kinds = kinds[:1] * len(items) if kinds[-1] is ... else kinds
    if len(items) != len(kinds):
        raise TypeError(f"expected {len(kinds)} items, got {value!r:.80}")
    return tuple(map(from_json, kinds, items))
