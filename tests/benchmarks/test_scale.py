"""The stages in their order, and a whole run on a small part of the smallest shape."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

ROOT = str(pathlib.Path(__file__).parents[2])
STAGES = ("data", "preprocess", "plan", "train", "evaluate", "attack", "explain", "export", "serve", "parabel")


def commands(tmp_path, *flags):
    """The commands of all stages, in a process of its own, as programs share names of flags."""
    code = (
        "import json, sys; from absl import app; from benchmarks import scale\n"
        "app.run(lambda _: print(json.dumps([[s.name, s.command(), s.output, s.resumes] for s in scale.stages('D')])))"
    )
    command = [sys.executable, "-c", code, *flags]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_stage_is_a_program_and_training_alone_goes_on(tmp_path):
    (tmp_path / "D" / "data").mkdir(parents=True)
    (tmp_path / "D" / "data" / "test.txt").write_text("1 9 9\n0 3:1\n")
    found = commands(tmp_path, "--shape=amazon-3m", "--fraction=0.5", "--memory=12GB", "--attacked=7")
    assert tuple(name for name, *_ in found) == STAGES
    arguments = {name: command for name, command, *_ in found}
    assert all(command[0] == "-m" for command in arguments.values())
    assert "--shape=amazon-3m" in arguments["data"] and "--fraction=0.5" in arguments["data"]
    assert "--memory=12GB" in arguments["plan"] and "--limit=7" in arguments["attack"]
    assert [name for name, _, _, resumes in found if resumes] == ["train", "parabel"]
    outputs = [output for _, _, output, _ in found if output]
    assert len(set(outputs)) == len(outputs) == len(STAGES) - 1
    assert found[:-1] == commands(
        tmp_path, "--shape=amazon-3m", "--fraction=0.5", "--memory=12GB", "--attacked=7", "--nopeer"
    )


@pytest.mark.slow
def test_a_stopped_run_ends_its_stage_and_goes_on(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scale", "--fraction=1", "--nopeer", f"--output_dir={tmp_path}"]
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (stages := process.children(recursive=True)):
        time.sleep(0.1)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert not psutil.wait_procs(stages, 60)[1]
    assert "stage: data" in process.stderr.read()
    assert not list(tmp_path.glob("*/stages/*.json"))


@pytest.mark.slow
def test_a_whole_run_is_made_once(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scale", "--shape=wiki10-31k", "--fraction=0.01", "--nopeer"]
    command += [f"--output_dir={tmp_path}", "--attacked=4", "--explained=2"]
    results = []
    for begun in (list(STAGES[:-1]), []):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert [line.split()[1] for line in done.stderr.splitlines() if line.startswith("stage: ")] == begun
        results.append(json.loads(done.stdout.splitlines()[-1]))
    assert results[0] == results[1]
    assert tuple(results[0]["stages"]) == STAGES[:-1]
    assert all(stage["peak_mb"] > 10 and stage["seconds"] > 0 for stage in results[0]["stages"].values())
    assert (tmp_path / "wiki10-31k-0.01" / "scale.md").read_text() == "\n".join(done.stdout.splitlines()[:-1]) + "\n"
