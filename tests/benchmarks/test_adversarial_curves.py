"""Curves of a page's tables, by hand, and what is drawn of them."""

from __future__ import annotations

import pytest

from benchmarks import adversarial_curves
from benchmarks.adversarial_curves import Precision
from mach_tf.errors import InputError

PAGE = """
**Other.** A table of something else.

| set | at 0.1 |
|---|---|
| clean | 3 / 4 |

| arm | seconds |
|---|---|
| clean | 12 |

**Bibtex, whole.** Some text.
It goes on with **more**.

| arm | processor s | P@1/P@3/P@5, all | at 0 | certified / attacked at 1e-1 |
| --- | --- | --- | --- | --- |
| clean | 11 | 64.85/40.41/29.84 | 60 / 60 | 39.00 / 40.00 |
| pgd@1 | 20 | 64.77/40.45/29.69 | 59 / 59 | 49.00 / 50.00 |

**TIBKAT-GND, a part**, with its ranker.

| arm | at 0.2 |
|---|---|
| pgd@1 | 19 / 20 |

| not an arm | 1 / 2 |
"""
CURVES = {
    "Bibtex, whole": {
        "clean": [Precision(0, 60, 60), Precision(0.1, 39, 40)],
        "pgd@1": [Precision(0, 59, 59), Precision(0.1, 49, 50)],
    },
    "TIBKAT-GND, a part": {"pgd@1": [Precision(0.2, 19, 20)]},
}


def test_tables_of_arms_are_read():
    assert adversarial_curves.read_curves(PAGE) == CURVES
    assert adversarial_curves.read_curves("| set | at 0.1 |\n|---|---|\n| clean | 3 / 4 |") == {}


@pytest.mark.parametrize("title", ["", "**A.** b\n| arm | at 1 |\n|---|---|\n| c | 1 / 2 |\n\n"])
def test_a_table_without_a_title_of_its_own_is_refused(title):
    with pytest.raises(InputError, match="a bold title of its own"):
        adversarial_curves.read_curves(f"{title}| arm | at 1 |\n|---|---|\n| c | 1 / 2 |")


@pytest.mark.parametrize("cell", ["12.5", "1 / 2 / 3", "a / b", ""])
def test_a_cell_without_two_numbers_is_refused(cell):
    with pytest.raises(InputError, match="certified / attacked"):
        adversarial_curves.read_curves(f"**A.**\n| arm | at 1 |\n|---|---|\n| c | {cell} |")


def test_ratios_by_hand():
    assert adversarial_curves.ratios(CURVES) == {"Bibtex, whole: attacked P@1: pgd@1/clean": 1.25}
    nothing_left = {"a": {"clean": [Precision(1, 0, 0)], "pgd@1": [Precision(1, 2, 3)]}}
    assert adversarial_curves.ratios(nothing_left) == {}


def test_the_figure_has_attacked_and_certified_curves_of_every_set():
    figure = adversarial_curves.figure(CURVES)
    curves = {
        panel.get_title(): {line.get_label(): list(line.get_ydata()) for line in panel.get_lines()}
        for panel in figure.axes
    }
    assert curves == {
        "Bibtex, whole: attacked": {"clean": [60, 40], "pgd@1": [59, 50]},
        "Bibtex, whole: certified": {"clean": [60, 39], "pgd@1": [59, 49]},
        "TIBKAT-GND, a part: attacked": {"pgd@1": [20]},
        "TIBKAT-GND, a part: certified": {"pgd@1": [19]},
    }
    colors = {line.get_color() for panel in figure.axes for line in panel.get_lines() if line.get_label() == "pgd@1"}
    assert len(colors) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["clean", "pgd@1"]
