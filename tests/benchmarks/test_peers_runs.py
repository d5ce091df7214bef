"""What is prepared, run and reported as missing, with arms that are not really run."""

import lzma
import os

import numpy as np
import pytest

from benchmarks import peers_arms, peers_runs
from benchmarks.peers_arms import Arm, Failed
from mach_tf import files

MEASURED = {"seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 1.0, "milliseconds_per_point": 1.0}


@pytest.fixture
def runner(tmp_path, monkeypatch):
    os.makedirs(tmp_path / "sets" / "one")
    for split in ("train", "test"):
        with lzma.open(tmp_path / "sets" / "one" / f"{split}.txt.xz", "wt") as file:
            file.write("4 2 2\n" + "".join(f"{i % 2} {i % 2}:1\n" for i in range(4)))

    def run(arm, data, output, seed, *_):
        if seed == 2:
            raise Failed("the reason")
        np.savez(f"{output}.npz", labels=np.array([[0], [1], [0], [1]], np.int32))
        files.write_json(f"{output}.json", {"train": MEASURED, "predict": MEASURED, "model_mb": 1.0})

    monkeypatch.setattr(peers_arms, "run", run)
    return peers_runs.Runner(str(tmp_path / "sets"), str(tmp_path / "out"), "", "test", 1, 1.0)


def test_arms_are_run_by_seed_and_what_fails_is_said(runner):
    data = runner.prepare("one", "whole")
    assert sorted(os.listdir(data)) == [
        "sizes.json",
        *(f"{split}.{kind}.npz" for split in ("test", "train") for kind in "xy"),
    ]
    cell = runner.cell(Arm("plan-clean", "", {}), data, seeds=3)
    assert cell.seeds == 2 and cell.per_point["P@1"].percent == 100
    assert runner.missing == [
        "one/whole/test: plan-clean: the reason.",
        "one/whole/test: plan-clean has 2 of 3 runs.",
    ]
    assert runner.cell(peers_arms.PEERS["plt"], data, seeds=3).seeds == 1


def test_without_running_only_what_exists_is_shown(runner):
    data = runner.prepare("one", "tenth")
    runner.run = False
    assert runner.cell(Arm("plan-clean", "", {}), data, seeds=1) is None
    assert runner.missing == ["one/tenth/test: plan-clean has 0 of 1 runs."]
