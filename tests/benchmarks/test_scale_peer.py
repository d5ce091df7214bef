"""The peer gets the points of the files, and a peer that fails is an error that says why."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import peers_arms, scale_peer
from mach_tf import files

TRAIN = "3 6 4\n0,2 0:1 5:2\n1 3:1\n3 2:4\n"
TEST = "1 6 4\n2 0:3 5:4\n"


@pytest.fixture(name="request_")
def asked(tmp_path):
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "test.txt").write_text(TEST)
    return {"data": str(tmp_path), "output": str(tmp_path / "out"), "environments": "unused"}


def test_the_points_of_the_files_are_measured(request_, monkeypatch, capsys):
    def run(arm, folder, path, *_):
        assert arm.name == "parabel"
        assert files.read_json(f"{folder}/sizes.json", "sizes")["labels"] == 4
        part = {"seconds": 2.0, "cpu_seconds": 3.0, "peak_mb": 4.0}
        measured = {"train": part, "predict": {**part, "milliseconds_per_point": 1.0}, "model_mb": 5.0}
        files.write_json(f"{path}.json", measured)
        np.savez(f"{path}.npz", labels=np.array([[2, 1, 0, 3, -1]], np.int32))

    monkeypatch.setattr(peers_arms, "run", run)
    scale_peer.main(request_)
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["P@1"] == 100 and found["metrics"]["P@5"] == 20
    assert found["costs"]["train s"] == 2


def test_a_failure_says_why(request_, monkeypatch):
    def run(*_):
        raise peers_arms.Failed("train took longer than 1 minutes")

    monkeypatch.setattr(peers_arms, "run", run)
    with pytest.raises(SystemExit, match="Parabel was not measured: train took longer than 1 minutes"):
        scale_peer.main(request_)
