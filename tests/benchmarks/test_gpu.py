"""The program that measures a GPU, with tiny sizes on the CPU."""

from __future__ import annotations

import json

import pytest
from absl import flags

from benchmarks import gpu, gpu_checks
from tests.helpers import programs

STEPS = "device,check/row_update,two_replicas"


def test_it_says_that_there_is_no_gpu_and_measures_the_cpu(capsys, tmp_path):
    programs.run("benchmarks.gpu", "--size=tiny", f"--only={STEPS}", f"--output_file={tmp_path / 'gpu.json'}")
    printed = capsys.readouterr().out
    found = json.loads(printed.splitlines()[-1])
    assert found == json.loads((tmp_path / "gpu.json").read_text())
    results = found["results"]
    assert "There is no GPU; this is the CPU" in printed and results["device"]["gpus"] == 0
    assert set(results) == {*STEPS.split(",")} and not found["not_run"]
    assert [one["error"] for one in results.values()] == [""] * 3
    assert results["check/row_update"]["same"] and max(results["check/row_update"]["differences"].values()) < 1e-6
    assert results["two_replicas"]["replicas"] == 2 and results["two_replicas"]["largest_difference"] < 1e-5


def test_without_time_nothing_more_starts(capsys):
    programs.run("benchmarks.gpu", "--size=tiny", "--only=device,parts/1", "--limit_seconds=0")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["not_run"] == ["device", "parts/1"]


def test_an_unknown_step_is_named():
    with pytest.raises((SystemExit, flags.IllegalFlagValueError), match="unheard_of"):
        programs.run("benchmarks.gpu", "--size=tiny", "--only=device,unheard_of")


def test_a_difference_is_reported(tmp_path, monkeypatch):
    import numpy as np

    for folder, value in (("own", 1.0), ("cpu", 1.1)):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "row_update.npz", weights=np.array([value]))
    found = gpu._compared("row_update", str(tmp_path / "own"), str(tmp_path / "cpu"), None, 0)
    assert not found["same"] and found["differences"] == {"weights": 0.091}
    assert gpu._compared("export", str(tmp_path / "own"), str(tmp_path / "cpu"), None, 0)["error"]


def test_every_check_is_a_step(capsys):
    programs.run("benchmarks.gpu", "--list")
    steps = capsys.readouterr().out.split()
    assert {step for step in steps if step.startswith("check/")} == {f"check/{name}" for name in gpu_checks.CHECKS}
