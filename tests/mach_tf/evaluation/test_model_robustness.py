"""The robustness of one model as a table, as JSON and as a figure."""

from __future__ import annotations

import json
import types

import pytest

from mach_tf.attacks.bucket_loss import BucketLoss
from mach_tf.evaluation.model_robustness import Robustness
from tests.helpers.attack_entries import attack_entry

METRICS = {"P@1": 50.0, "P@3": 40.0, "nDCG@1": 50.0, "nDCG@3": 45.0}


@pytest.fixture
def robustness():
    entries = [attack_entry(name, epsilon, METRICS) for name in ("fgsm", "push_in") for epsilon in (0.0, 0.1)]
    return Robustness(tuple(entries), (1, 3))


def test_it_is_a_sequence_of_its_entries(robustness):
    assert len(robustness) == 4
    assert [entry.epsilon for entry in robustness] == [0, 0.1, 0, 0.1]


def test_json_is_that_of_the_entries(robustness):
    assert robustness.to_json() == {"attacks": [entry.to_json() for entry in robustness.entries]}
    with_losses = Robustness(robustness.entries, (1, 3), (BucketLoss(0.0, 0.25), BucketLoss(0.1, 0.5)))
    content = with_losses.to_json()
    assert list(content) == ["bucket_loss", "attacks"]
    assert content["bucket_loss"] == [{"epsilon": 0.0, "loss": 0.25}, {"epsilon": 0.1, "loss": 0.5}]
    assert json.loads(json.dumps(content)) == content


def test_print_shows_a_table(robustness):
    lines = str(robustness).splitlines()
    assert lines[0].startswith("attack") and len(lines) == 2 + 4
    assert lines[-1].split()[:6] == ["push_in", "(pgd)", "0.1", "50.00", "40.00", "45.00"]
    assert "bucket loss" not in lines[0]
    with_losses = Robustness(robustness.entries, (1, 3), (BucketLoss(0.0, 0.25), BucketLoss(0.1, 0.5)))
    assert str(with_losses).splitlines()[-1].endswith("0.50000")


def test_a_notebook_shows_a_table(robustness):
    page = robustness._repr_html_()
    assert page.count("<tr>") == 1 + 4 and "push_in (pgd)" in page


def test_ipython_shows_a_table(robustness):
    printed = []
    robustness._repr_pretty_(types.SimpleNamespace(text=printed.append), False)
    assert printed == [str(robustness)]


def test_the_figure_has_a_panel_per_metric_and_a_line_per_attack(robustness):
    panels = [panel for panel in robustness.figure().axes if panel.get_visible()]
    assert [panel.get_ylabel() for panel in panels] == ["P@1 (%)", "P@3 (%)", "nDCG@3 (%)"]
    assert [line.get_label() for line in panels[0].lines] == ["fgsm", "push_in (pgd)"]
