"""Checks of the arguments of public functions: each returns a plain Python value, or raises InputError by the argument's name.

NumPy's numbers and zero-dimensional arrays are taken as the numbers that they hold; True is no number, and 5.0 no whole one.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

import numpy as np

from mach_tf.errors import InputError

_SHOWN = 60


def whole_number(value: Any, name: str, low: Optional[int] = None, high: Optional[int] = None) -> int:
    """Returns a whole number.

    Args:
      value: the argument.
      name: its name.
      low, high: the least and the greatest value that is accepted; None for no bound.

    Example:
      >>> whole_number(2.5, "k", 1, 20)
      Traceback (most recent call last):
      mach_tf.errors.InputError: k must be a whole number from 1 to 20 (got 2.5).
    """
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise InputError(f"{name} must be a whole number{_range(low, high)} (got {shown(value)}).")
    _check_range(value, number, name, low, high)
    return number


def seed(value: Any, name: str = "seed") -> int:
    """Returns a seed, a whole number of at most 64 bits."""
    return whole_number(value, name, -(2**63), 2**63 - 1)


def finite_number(value: Any, name: str, low: Optional[float] = None, high: Optional[float] = None) -> float:
    """Returns a number that is finite; arguments as of `whole_number`."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        number = float(value) if is_number else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number{_range(low, high)} (got {shown(value)}).")
    _check_range(value, number, name, low, high)
    return number


def switch(value: Any, name: str) -> bool:
    """Returns True or False."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise InputError(f"{name} must be True or False (got {shown(value)}).")


def choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Returns one of the choices."""
    if isinstance(value, str) and value in choices:
        return str(value)
    raise InputError(f"{name} must be one of {', '.join(choices)} (got {shown(value)}).")


def path(value: Any, name: str) -> str:
    """Returns a path as text."""
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise InputError(f"{name} must be a path (got {shown(value)}).")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{name} must be UTF-8 (got {shown(value)}). Rename the file or its folder, or give a link to it."
        ) from None
    return text


def name_list(values: Any, name: str, count: Optional[int] = None, what: str = "name") -> list[str]:
    """Returns names as texts; whole numbers become their digits.

    Args:
      values: a list, tuple, array, pandas Index or Series of texts or whole numbers.
      name: what messages call it.
      count: how many names there must be; None for any number.
      what: what each of them names, as a singular: "label".
    """
    if isinstance(values, (str, bytes, Mapping, set, frozenset)) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be a list of texts, one per {what} (got {shown(values)}).")
    if getattr(values, "ndim", 1) != 1:
        raise InputError(f"{name} must be a list of texts, one per {what} (got an array of shape {values.shape}).")  # type: ignore[attr-defined]
    texts = [_name(value, place, name) for place, value in enumerate(values)]
    if count is not None and len(texts) != count:
        raise InputError(f"{name} must hold {count} names, one per {what} (got {len(texts)}).")
    return texts


def shown(value: Any) -> str:
    """Returns what a message shows of a wrong argument."""
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # another's __repr__
        text = f"{type(value).__name__} whose repr fails: {error}"
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return text.encode(errors="backslashreplace").decode()


def _name(value: Any, place: int, name: str) -> str:
    if not isinstance(value, str):
        try:
            return str(whole_number(value, name))
        except InputError:
            raise InputError(
                f"{name} must hold texts (got {shown(value)} at position {place}). Convert them: [str(name) for name in names]."
            ) from None
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} must hold Unicode text (got {shown(value)} at position {place}).") from None
    return str(value)


def _check_range(value: Any, number: float, name: str, low: Optional[float], high: Optional[float]) -> None:
    if low is not None and number < low:
        raise InputError(f"{name} must be {f'at least {low}' if low else '0 or more'} (got {shown(value)}).")
    if high is not None and number > high:
        raise InputError(f"{name} must be at most {high} (got {shown(value)}).")


def _range(low: Optional[float], high: Optional[float]) -> str:
    if low is not None and high is not None:
        return (
            f" from {low:g} to {high:g}"
            if isinstance(low, float) or isinstance(high, float)
            else f" from {low} to {high}"
        )
    if low is not None:
        return f" of at least {low}"
    return "" if high is None else f" of at most {high}"
