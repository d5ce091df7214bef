"""The peer gets the points of the files and is compared with us on those it predicts; a peer that fails is an error that says why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest
import scipy.sparse

from benchmarks import peers_arms, scale_peer
from mach_tf import files
from mach_tf.metrics import bootstrap
from mach_tf.metrics.ranking_metrics import PerPoint

TRAIN = "3 6 4\n0,2 0:1 5:2\n1 3:1\n3 2:4\n"
TEST = "3 6 4\n2 0:3 5:4\n0 1:1\n1 2:1\n"


@pytest.fixture(name="request_")
def asked(tmp_path):
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "test.txt").write_text(TEST)
    ones = np.ones(3)
    ours = {
        f"P@{k}": PerPoint(np.array(hits) / k, ones) for k, hits in ((1, [0, 1, 0]), (3, [1, 1, 1]), (5, [1, 1, 1]))
    }
    bootstrap.write_points(str(tmp_path / "ours.npz"), ours)
    places = {"data": str(tmp_path), "output": str(tmp_path / "out"), "environments": "unused"}
    return {**places, "points": 2, "ours": str(tmp_path / "ours.npz")}


@pytest.fixture(name="read")
def ran(monkeypatch):
    """The first test point's features, once per run of the arm, which always predicts the same labels."""
    found = []

    def run(arm, folder, path, *_):
        assert arm.name == "parabel"
        if os.path.isfile(f"{path}.json"):
            return
        assert files.read_json(f"{folder}/sizes.json", "sizes")["labels"] == 4
        x = scipy.sparse.load_npz(f"{folder}/test.x.npz")
        found.append([round(value, 3) for value in x[0].toarray().ravel().tolist()])
        part = {"seconds": 2.0, "cpu_seconds": 3.0, "peak_mb": 4.0}
        measured = {"train": part, "predict": {**part, "milliseconds_per_point": 1.0}, "model_mb": 5.0}
        files.write_json(f"{path}.json", measured)
        np.savez(f"{path}.npz", labels=np.tile(np.array([[2, 1, 0, 3, -1]], np.int32), (x.shape[0], 1)))

    monkeypatch.setattr(peers_arms, "run", run)
    return found


def test_the_first_points_of_the_files_are_measured(request_, read, capsys):
    scale_peer.main(request_)
    found = json.loads(capsys.readouterr().out)
    assert read == [[0.6, 0, 0, 0, 0, 0.8]]
    assert found["points"] == 2
    assert found["metrics"]["P@1"] == 50 and found["metrics"]["P@5"] == 20
    assert found["costs"]["train s"] == 2
    assert found["ours"] == {"P@1": 50.0, "P@3": 33.333, "P@5": 20.0}
    assert found["differences"]["P@1"] == {"difference": 0.0, "low": -100.0, "high": 100.0}


def test_other_points_are_written_anew(request_, read, tmp_path, capsys):
    points = []
    for most, text in ((2, TRAIN), (2, "not read"), (9, TRAIN)):
        (tmp_path / "train.txt").write_text(text)
        scale_peer.main({**request_, "points": most})
        points.append(json.loads(capsys.readouterr().out)["points"])
    assert points == [2, 2, 3] and len(read) == 2


def test_a_failure_says_why(request_, monkeypatch):
    def run(*_):
        raise peers_arms.Failed("train took longer than 1 minutes")

    monkeypatch.setattr(peers_arms, "run", run)
    with pytest.raises(SystemExit, match="Parabel was not measured: train took longer than 1 minutes"):
        scale_peer.main(request_)


def test_a_stop_ends_the_peers_process_too(request_):
    """The process that trains is ended when its caller is, as an error ends it."""
    program = "import os, signal, sys, time; print(os.getpid(), flush=True); time.sleep(600)"
    code = f"""
import json, subprocess, sys
from benchmarks import measured_command, peers_arms, scale_peer
measured_command.end_by_sigterm()
peers_arms.run = lambda *_: subprocess.run([sys.executable, "-c", {program!r}], check=False)
scale_peer.main(json.loads(sys.argv[1]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(request_)], stdout=subprocess.PIPE, text=True
    ) as caller:
        peer = psutil.Process(int(caller.stdout.readline()))
        caller.terminate()
        assert caller.wait(60) == 128 + signal.SIGTERM
    assert not psutil.wait_procs([peer], 60)[1]
