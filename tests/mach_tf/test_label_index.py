"""Labels by what users call them; select_labels and explanations have tests of their own."""

from __future__ import annotations

import time

import pytest

from mach_tf.errors import InputError
from mach_tf.label_index import LabelIndex

NAMES = ["Physics", "Optics", "Quantum optics", "a,b", "a", "b", "7"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("physics", ["'Physics'"]),
        ("optics", ["'Optics'", "'Quantum optics'"]),
        ("Optisc", ["'Optics'"]),
        ("quantum", ["'Quantum optics'"]),
        ("zzzzzz", []),
        ("", []),
    ],
)
def test_the_nearest_labels(text, expected):
    assert LabelIndex(7, NAMES).nearest(text)[: len(expected)] == expected
    assert expected or LabelIndex(7, NAMES).nearest(text) == []


def test_near_matches_stand_in_the_message():
    with pytest.raises(InputError, match=r"only_labels must .* \(got 'physic'\)\. Did you mean 'Physics'\? Do this\."):
        LabelIndex(7, NAMES).find("physic", "only_labels", "Do this.")
    with pytest.raises(InputError, match=r"labels must hold label ids in \[0, 7\) \(got 'x'\)\.$"):
        LabelIndex(7).find("x", "labels")


def test_hundreds_of_thousands_of_labels_are_searched_quickly():
    index = LabelIndex(400_000, [f"name of label {i}" for i in range(400_000)])
    begin = time.monotonic()
    assert "'name of label 77'" in index.nearest("nam of label 77")
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b", ["a", "b"]),
        ("a,b,7", ["a", "b", "7"]),
        (" Physics , Optics ", ["Physics", "Optics"]),
        ("x,y", ["x", "y"]),
        ("", []),
    ],
)
def test_lists_are_divided_at_commas(text, items):
    assert LabelIndex(7, NAMES).split(text) == items


def test_a_name_with_commas_is_one_item():
    assert LabelIndex(2, ["u, v", "w"]).split("u, v,w") == ["u, v", "w"]


def test_a_label_whose_key_is_its_name_is_one_label():
    index = LabelIndex(2, ["tea", "milk"], ["tea", "m"])
    assert index.one("tea", "labels") == 0 and index.one("m", "labels") == 1 and index.one(1, "labels") == 1
