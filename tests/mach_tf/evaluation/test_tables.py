"""The tables, word by word, as text and as HTML."""

from __future__ import annotations

import dataclasses

from mach_tf.evaluation import tables
from mach_tf.metrics.bootstrap import Difference
from mach_tf.metrics.breakdown import LabelGroup
from tests.helpers.attack_entries import attack_entry


def test_metrics_with_intervals():
    table = tables.metrics_table({"P@1": 62.5, "P@5": 30.0, "R@1": 1.0, "R@5": 2.0}, {"P@1": (61.0, 64.0)}, [1, 5])
    rows = [line.split() for line in str(table).splitlines()]
    assert rows[0] == ["%", "@1", "@5"]
    assert rows[2] == ["P", "62.50", "[61.00,", "64.00]", "30.00"]
    assert rows[3] == ["R", "1.00", "2.00"]


def test_comparison():
    table = tables.comparison_table({1: {"P@1": 10.0}, 16: {"P@1": 60.0}}, ["P@1"], "repetitions")
    assert [line.split() for line in str(table).splitlines()[2:]] == [["1", "10.00"], ["16", "60.00"]]


def test_attacks():
    metrics = {"P@1": 50.0, "P@3": 40.0, "nDCG@3": 45.0}
    entry = attack_entry("fgsm", 0.01, metrics, support="dense", lost={"P@1": 12.5})
    last = str(tables.attacks_table([entry], [1, 3])).splitlines()[-1]
    assert last.split() == ["fgsm", "dense", "0.01", "50.00", "40.00", "45.00", "12.50"]


def test_differences_show_their_sign():
    last = str(tables.differences_table({"P@1": Difference(-0.5, -1.0, 0.25)})).splitlines()[-1]
    assert last.split() == ["P@1", "-0.50", "[-1.00,", "+0.25]"]


def test_frequency():
    groups = {
        "head": LabelGroup(20, 33.333, 50.0, 5, 12.0, 30.0),
        "tail": LabelGroup(90, 1.0, 0.5, 5, 0.25, 2.0),
    }
    lines = str(tables.frequency_table(groups)).splitlines()
    assert lines[0].split() == ["labels", "by", "frequency", "labels", "share", "predicted", "P@5", "R@5"]
    assert [line.split() for line in lines[2:]] == [
        ["head", "20", "33.33", "50.00", "12.00", "30.00"],
        ["tail", "90", "1.00", "0.50", "0.25", "2.00"],
    ]


def test_robustness_with_intervals_and_bucket_losses():
    metrics = {"P@1": 50.0, "P@3": 40.0, "nDCG@3": 45.0}
    entry = attack_entry("pgd", 0.01, metrics, lost={"P@1": 12.5}, success_rate=25.0, relative_norm=0.5, loss=0.125)
    last = str(tables.robustness_table([entry], [1, 3])).splitlines()[-1]
    assert last.split() == ["pgd", "0.01", "50.00", "40.00", "45.00", "12.50", "25.0", "50.0", "0.12500"]
    entry = dataclasses.replace(entry, lost_intervals={"P@1": (10.0, 15.0)})
    table = tables.robustness_table([entry], [1, 3], {0.01: 0.25})
    first, _, last = str(table).splitlines()
    assert first.endswith("label loss    bucket loss")
    assert last.split()[5:] == ["12.50", "[10.00,", "15.00]", "25.0", "50.0", "0.12500", "0.25000"]


def test_stacked_tables_name_their_rows():
    first, second = tables.Table(["a", "b"], [["1", "2"], ["3", "4"]]), tables.Table(["a", "b"], [["5", "6"]])
    stacked = tables.stack({"x": first, "y": second}, "model")
    assert stacked == tables.Table(["model", "a", "b"], [["x", "1", "2"], ["x", "3", "4"], ["y", "5", "6"]])


def test_html_is_escaped_and_has_every_cell():
    table = tables.Table(["<head>", "b"], [["<script>", "1.5"]], "<title>")
    page = table.to_html()
    assert "<script>" not in page and "<title>" not in page and "<head>" not in page
    assert "&lt;script&gt;" in page and "1.5" in page and "&lt;title&gt;" in page
    assert str(table).startswith("<title>\n<head>")


def test_names_neither_reorder_a_line_nor_move_the_cursor():
    table = tables.Table(["name"], [["\u202egpj\x1b[2J\nnext"]])
    for shown in (str(table), table.to_html()):
        assert "&lt;U+202E&gt;gpj␛[2J␊next" in shown.replace("<U+202E>", "&lt;U+202E&gt;")
        assert "\u202e" not in shown and "\x1b" not in shown
