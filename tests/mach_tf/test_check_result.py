"""check_result: whole or a list of problems."""

import dataclasses

import pytest

from mach_tf.check_result import CheckResult


@dataclasses.dataclass(frozen=True)
class Checked(CheckResult):
    path: str
    problems: list[str]


@pytest.mark.parametrize(("problems", "whole"), [([], True), (["a is short."], False)])
def test_it_is_whole_without_problems(problems, whole):
    found = Checked("here", problems)
    assert found.is_whole == whole
    assert found.to_json() == {"path": "here", "problems": problems}


def test_problems_are_listed_and_counted():
    assert Checked("here", ["a is short.", "b is gone."]).listed("here") == (
        "a is short.\nb is gone.\nhere is damaged: 2 problem(s)."
    )
