"""The figures of a run are those that its stages left behind."""

from __future__ import annotations

import json
import pathlib

import pytest

from benchmarks import scale_figures
from mach_tf import files
from mach_tf.sizing import recommendation
from mach_tf.sizing.machine import Machine
from mach_tf.sizing.planning import Problem


@pytest.fixture(name="directory")
def made(tmp_path):
    """What the stages that are read leave behind."""
    for name in ("data", "evaluation", "stages"):
        (tmp_path / name).mkdir()
    planted = {
        "ceiling": {"P@1": 90.0, "P@3": 80.0, "P@5": 70.0},
        "ceiling_of_labels_with_points": {"P@1": 50.0, "P@3": 40.0, "P@5": 0.0},
        "cluster_alone": {"P@1": 20.0, "P@3": 10.0, "P@5": 0.0},
    }
    files.write_json(str(tmp_path / "data" / "planted.json"), planted)
    files.write_json(
        str(tmp_path / "evaluation" / "metrics.json"), {"metrics": {"P@1": 25.0, "P@3": 30.0, "P@5": 10.0}}
    )
    (tmp_path / "plan.flags").write_text(
        "# Estimate: 1.3 GB of memory for one repetition at a time, 1,250 s of training.\n"
    )
    (tmp_path / "stages" / "plan.log").write_text("To train with this plan: mach-train\n")
    (tmp_path / "stages" / "train.log").write_text("total memory, with the process     4.00 GB\n")
    peer = {
        "metrics": {"P@1": 40.0, "P@3": 20.0, "P@5": 5.0},
        "costs": {"train s": 50.0},
        "points": 1000,
        "ours": {"P@1": 30.0, "P@3": 30.0, "P@5": 10.0},
        "differences": {"P@1": {"difference": -10.0, "low": -12.0, "high": 1.26}},
    }
    (tmp_path / "stages" / "parabel.log").write_text(f"a line\n{json.dumps(peer)}\n")
    return str(tmp_path)


def test_ratios_are_those_of_what_was_measured(directory):
    found = scale_figures.precisions(directory, True)
    assert scale_figures.precision_ratios(found) == {
        "mach_tf: P@1/ceiling": 0.5,
        "mach_tf: P@3/ceiling": 0.75,
        "mach_tf, first 1,000 points: P@1/ceiling": 0.6,
        "mach_tf, first 1,000 points: P@3/ceiling": 0.75,
        "parabel, first 1,000 points: P@1/ceiling": 0.8,
        "parabel, first 1,000 points: P@3/ceiling": 0.5,
    }
    results = {"train": {"seconds": 2500.0, "peak_mb": 3000.0}}
    assert scale_figures.estimate_ratios(directory, results) == {
        "train: seconds/estimate": 2.0,
        "train: peak/estimate": 0.75,
    }
    assert scale_figures.peer_ratios(directory, results) == {"train s: mach_tf/parabel": 50.0}
    assert scale_figures.differences(directory) == "mach_tf minus Parabel: P@1 -10.00 [-12.00, +1.26]."
    assert scale_figures.precision_table(found).splitlines()[2] == "| ceiling | 90.00 | 80.00 | 70.00 |"


def test_the_memory_of_a_ranker_is_the_plans(directory):
    """It is in the plan's text, with what the process keeps of the repetitions' training."""
    results = {"train": {"seconds": 2500.0, "peak_mb": 3000.0}}
    problem = Problem(670_091, 50_000, 490_449, 75.7, 5.45)
    plan = recommendation.recommend(problem, Machine(24 * 10**9, 1e12, 5e10))
    pathlib.Path(directory, "stages", "plan.log").write_text(str(plan))
    estimate = round(plan.best.ranker_bytes / 1e9, 1)
    assert estimate > 4
    assert scale_figures.estimate_ratios(directory, results)["train: peak/estimate"] == round(3 / estimate, 3)


def test_parabel_can_be_left_out(directory):
    names = ["ceiling", "ceiling of labels with points", "cluster alone", "mach_tf"]
    assert list(scale_figures.precisions(directory, False)) == names


def test_a_resumed_stage_says_so():
    result = {"seconds": 1234.5, "cpu_seconds": 2.0, "peak_mb": 3.0, "disk_mb": 4.0}
    table = scale_figures.table({"data": {**result, "resumed": False}, "train": {**result, "resumed": True}})
    assert table.splitlines()[2:] == [
        "| data | 1,234.5 | 2.0 | 3.0 | 4.0 |",
        "| train (resumed) | 1,234.5 | 2.0 | 3.0 | 4.0 |",
    ]
