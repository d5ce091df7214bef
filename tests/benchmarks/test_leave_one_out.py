"""Choices with one data set left out, by hand."""

from benchmarks import leave_one_out

GAINS = {
    ("a", "whole"): {"today": 0.0, "x": 1.0, "y": 3.0},
    ("a", "tenth"): {"today": 0.0, "x": 3.0, "y": 5.0, "z": 99.0},
    ("b", "whole"): {"today": 0.0, "x": -1.0, "y": -5.0},
    ("c", "whole"): {"today": 0.0, "x": 2.0, "y": -2.0},
}


def test_the_choice_is_made_on_the_others_and_counts_on_the_one_left_out():
    found = {choice.left_out: choice for choice in leave_one_out.choices(GAINS)}
    # Without a: x has 0.5 and y -3.5. Without b: x (2 + 2) / 2 and y (4 - 2) / 2. Without c: x (2 - 1) / 2 and y (4 - 5) / 2.
    assert found["a"][1:] == ("x", 0.5, 2.0, "y", 4.0)
    assert found["b"][1:] == ("x", 2.0, -1.0, "today", 0.0)
    assert found["c"][1:] == ("x", 0.5, 2.0, "x", 2.0)
    assert leave_one_out.choices_table([found["a"]]).splitlines()[2] == "| a | x | +0.50 | +2.00 | y | +4.00 |"


def test_todays_rules_stay_where_nothing_gains():
    gains = {(name, "whole"): {"today": 0.0, "x": -1.0, "y": 0.0} for name in "ab"}
    assert [choice.candidate for choice in leave_one_out.choices(gains)] == ["today", "today"]


def test_one_data_set_gives_no_choice():
    assert leave_one_out.choices({("a", "whole"): {"today": 0.0}}) == [] == leave_one_out.choices({})
