"""The printed tables, word by word."""

from __future__ import annotations

from mach_tf.evaluation import tables


def test_metrics_with_intervals():
    table = tables.metrics_table({"P@1": 62.5, "P@5": 30.0, "R@1": 1.0, "R@5": 2.0}, {"P@1": (61.0, 64.0)}, [1, 5])
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["%", "@1", "@5"]
    assert rows[2] == ["P", "62.50", "[61.00,", "64.00]", "30.00"]
    assert rows[3] == ["R", "1.00", "2.00"]


def test_comparison():
    table = tables.comparison_table({1: {"P@1": 10.0}, 16: {"P@1": 60.0}}, ["P@1"], "repetitions")
    assert [line.split() for line in table.splitlines()[2:]] == [["1", "10.00"], ["16", "60.00"]]


def test_attacks():
    entry = {
        "attack": "fgsm", "support": "dense", "epsilon": 0.01,
        "metrics": {"P@1": 50.0, "P@3": 40.0, "nDCG@3": 45.0}, "lost": {"P@1": 12.5},
    }  # fmt: skip
    last = tables.attacks_table([entry], [1, 3]).splitlines()[-1]
    assert last.split() == ["fgsm", "dense", "0.01", "50.00", "40.00", "45.00", "12.50"]


def test_differences_show_their_sign():
    last = tables.differences_table({"P@1": {"difference": -0.5, "low": -1.0, "high": 0.25}}).splitlines()[-1]
    assert last.split() == ["P@1", "-0.50", "[-1.00,", "+0.25]"]


def test_frequency():
    table = tables.frequency_table({"head": {"labels": 20, "share": 33.333}, "tail": {"labels": 90, "share": 1.0}})
    assert [line.split() for line in table.splitlines()[2:]] == [["head", "20", "33.33"], ["tail", "90", "1.00"]]
