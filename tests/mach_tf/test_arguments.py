from __future__ import annotations

import pathlib

import numpy as np
import pytest

from mach_tf import arguments
from mach_tf.errors import InputError


class Strange:
    def __repr__(self):
        raise RuntimeError("no repr")


HOSTILE = [None, "x", "", b"x", [], {}, set(), object(), (1,), [None], np.array([1, 2]), len, Strange()]


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_any_kind_become_python_integers(value):
    number = arguments.whole_number(value, "k", 1, 3)
    assert number == 3 and type(number) is int


@pytest.mark.parametrize("value", [*HOSTILE, 2.5, 5.0, np.float32(3), float("nan"), True, np.True_])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(InputError, match=r"^k must be a whole number from 1 to 3 \(got "):
        arguments.whole_number(value, "k", 1, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, r"^k must be at least 1 \(got 0\)"),
        (4, r"^k must be at most 3 \(got 4\)"),
        (10**80, r"\(got 1(0){59}\.\.\.\)"),
    ],
)
def test_a_number_out_of_range_is_refused(value, message):
    for check in (arguments.whole_number, arguments.finite_number):
        with pytest.raises(InputError, match=message):
            check(value, "k", 1, 3)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5)])
def test_finite_numbers_become_python_floats(value):
    number = arguments.finite_number(value, "epsilon", 0)
    assert number == 0.5 and type(number) is float


@pytest.mark.parametrize("value", [*HOSTILE, float("nan"), float("-inf"), np.float32("inf"), 10**400, 1j, True])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(InputError, match=r"^epsilon must be a finite number"):
        arguments.finite_number(value, "epsilon")


def test_seeds_have_64_bits():
    assert arguments.seed(-1) == -1
    with pytest.raises(InputError, match=r"^split_seed must be at most"):
        arguments.seed(2**63, "split_seed")


@pytest.mark.parametrize("value", [*HOSTILE, 1, 0, np.int64(1)])
def test_switches_and_choices_are_what_they_are(value):
    with pytest.raises(InputError, match=r"^signed must be True or False"):
        arguments.switch(value, "signed")
    with pytest.raises(InputError, match=r"^norm must be one of l2, none"):
        arguments.choice(value, "norm", ("l2", "none"))
    assert arguments.switch(np.True_, "signed") is True and arguments.choice("l2", "norm", ("l2", "none")) == "l2"


@pytest.mark.parametrize("value", [*[h for h in HOSTILE if not isinstance(h, str) or not h], 3, "a\0b", "\udcff"])
def test_a_path_is_text(value):
    with pytest.raises(InputError, match=r"^output_dir must be (a path|UTF-8)"):
        arguments.path(value, "output_dir")
    assert arguments.path(pathlib.Path("a/b"), "output_dir") == "a/b"


def test_names_may_be_numbers():
    for names in (["a", "3"], ("a", 3), np.array(["a", "3"]), [np.str_("a"), np.int64(3)]):
        assert arguments.name_list(names, "label_names", 2, "label") == ["a", "3"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("ab", r"must be a list of texts, one per label \(got 'ab'\)"),
        ({"a": 0, "b": 1}, "must be a list of texts"),
        (3, "must be a list of texts"),
        (np.array([["a"]]), "must be a list of texts"),
        (["a", None], r"must hold texts \(got None at position 1\)\. Convert them"),
        (["a", 2.5], r"must hold texts \(got 2.5 at position 1\)"),
        (["a", b"b"], r"must hold texts \(got b'b' at position 1\)"),
        (["a", "\ud800"], r"must hold Unicode text"),
        (["a"], r"must hold 2 names, one per label \(got 1\)"),
    ],
)
def test_names_that_are_none_are_refused(names, message):
    with pytest.raises(InputError, match=f"^label_names {message}"):
        arguments.name_list(names, "label_names", 2, "label")
