"""The plot of a page's tables; the page of the documents has such tables."""

from __future__ import annotations

import json
import os

import pytest

from benchmarks.adversarial_curves import read_curves
from mach_tf.errors import InputError
from tests.benchmarks.test_adversarial_curves import CURVES, PAGE
from tests.helpers import programs


def test_a_page_is_drawn(tmp_path, capsys):
    (tmp_path / "page.md").write_text(PAGE)
    programs.run("benchmarks.adversarial_plot", f"--page={tmp_path}/page.md", f"--output={tmp_path}/plot.png")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["ratios"] == {"Bibtex, whole: attacked P@1: pgd@1/clean": 1.25}
    assert found["curves"] == json.loads(json.dumps(CURVES))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG") and os.path.getsize(tmp_path / "plot.png") > 5000


def test_a_page_without_tables_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("| set | at 0.1 |")
    with pytest.raises(InputError, match="first column is arm"):
        programs.run("benchmarks.adversarial_plot", f"--page={tmp_path}/page.md", f"--output={tmp_path}/plot.png")
    assert os.listdir(tmp_path) == ["page.md"]


def test_the_tables_of_the_documents_can_be_drawn():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "docs", "benchmarks", "robustness.md"), encoding="utf-8") as file:
        curves = read_curves(file.read())
    assert len(curves) >= 4 and all("clean" in arms for arms in curves.values())
    for arms in curves.values():
        for curve in arms.values():
            assert [point.epsilon for point in curve] == sorted({point.epsilon for point in curve})
            assert all(0 <= point.certified <= point.attacked <= 100 for point in curve)
