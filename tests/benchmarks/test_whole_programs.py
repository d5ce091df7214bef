"""One run of all repetitions and one run of each: the same data and settings, and times that add up."""

from __future__ import annotations

import subprocess
import time

import pytest

from benchmarks import whole_programs
from mach_tf.manifest import DatasetManifest

SETTING = {"columns": 60, "hidden": 8, "buckets": 5, "points": 16, "features": 6, "group": 2}


def test_one_run_of_all_and_one_of_each_are_timed(monkeypatch):
    commands, clock = [], iter([0, 5, 10, 13, 20, 24])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))

    def run(command, **_):
        commands.append(dict(argument[2:].split("=") for argument in command[3:]))
        split = DatasetManifest.read(commands[-1]["dataset_dir"]).split("train")
        assert (split.points, split.features) == (30, 30 * 6)

    monkeypatch.setattr(subprocess, "run", run)
    assert whole_programs.seconds(SETTING, 30, 2) == {"together": 5, "one_by_one": 7}
    assert [c.get("repetition_range") for c in commands] == [None, "0:1", "1:2"]
    assert commands[0]["group_size"] == "2"
    own = ("model_dir", "group_size", "repetition_range")
    shared = [{name: value for name, value in c.items() if name not in own} for c in commands]
    assert shared[0] == shared[1] == shared[2]
    assert commands[0]["model_dir"] != commands[1]["model_dir"] == commands[2]["model_dir"]


@pytest.mark.slow
def test_the_programs_run():
    assert whole_programs.seconds(SETTING, 30, 1)["together"] > 0
