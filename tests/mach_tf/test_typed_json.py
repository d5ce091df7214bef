from __future__ import annotations

import dataclasses
from typing import Any, Optional

import pytest

from mach_tf.typed_json import from_json


@dataclasses.dataclass(frozen=True)
class Inner:
    size: int
    name: str = "none"

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size must not be negative")


@dataclasses.dataclass(frozen=True)
class Outer:
    parts: dict[str, list[Inner]]
    rate: float
    flag: bool
    anything: Any


VALUE = {
    "parts": {"a": [{"size": 1}, {"size": 2, "name": "b"}], "c": []},
    "rate": 0.5,
    "flag": True,
    "anything": [None],
}


def test_a_value_is_built_of_its_parts():
    assert from_json(Outer, VALUE) == Outer({"a": [Inner(1), Inner(2, "b")], "c": []}, 0.5, True, [None])


@pytest.mark.parametrize(
    "change",
    [
        {"parts": []},
        {"parts": {"a": {}}},
        {"parts": {"a": [{"size": True}]}},
        {"parts": {"a": [{"size": 1.0}]}},
        {"parts": {"a": [{"size": -1}]}},
        {"parts": {"a": [{}]}},
        {"rate": "0.5"},
        {"flag": 1},
        {"surprise": 1},
    ],
)
def test_other_types_and_fields_are_refused(change):
    with pytest.raises((TypeError, ValueError)):
        from_json(Outer, {**VALUE, **change})


def test_tuples_are_lists_in_json_and_optional_values_may_be_null():
    assert from_json(tuple[int, str], [1, "a"]) == (1, "a")
    assert from_json(tuple[Inner, ...], [{"size": 1}]) == (Inner(1),)
    assert from_json(Optional[Inner], None) is None and from_json(Optional[Inner], {"size": 1}) == Inner(1)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(tuple[int, int], [1]), (tuple[int, int], [1, "a"]), (tuple[int, ...], {}), (Optional[int], "a")],
)
def test_other_tuples_and_options_are_refused(kind, value):
    with pytest.raises((TypeError, ValueError)):
        from_json(kind, value)
