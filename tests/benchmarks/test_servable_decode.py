"""The benchmark of decoding in a servable at a small size; it compares both choices of the k best."""

from __future__ import annotations

import json

import pytest

from mach_tf.errors import InputError
from mach_tf.serving import ranking
from tests.helpers import programs

SMALL = ["--labels=3000", "--repetitions=3", "--buckets=50", "--rounds=2"]


def test_it_reports_each_part_for_each_number_of_points(capsys):
    programs.run("benchmarks.servable_decode", *SMALL, "--points=1,3", "--k=7")
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(result["points"]) == {"1", "3"}
    for found in result["points"].values():
        assert set(found) == {"gathers", "two stages", "one stage"}
        assert all(part["ms_per_point"] > 0 for part in found.values())
    assert len(result["ratios"]) == 4 and all(ratio > 0 for ratio in result["ratios"].values())


def test_a_choice_that_is_not_exact_is_told(monkeypatch):
    monkeypatch.setattr(ranking, "best_labels", lambda scores, k: (scores, [[0, 0]]))
    with pytest.raises(AssertionError, match="different labels"):
        programs.run("benchmarks.servable_decode", *SMALL, "--points=1", "--k=2")


@pytest.mark.parametrize(
    ("given", "message"),
    [("--k=3001", "--k must not exceed --labels=3000"), ("--points=0", "--points must be 1 or more")],
)
def test_sizes_that_make_no_sense_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        programs.run("benchmarks.servable_decode", *SMALL, given)
