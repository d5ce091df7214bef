"""The arms by name, and one arm run through a stand-in for its process."""

import json
import os
import subprocess

import numpy as np
import pytest

from benchmarks import peers_arms
from benchmarks.peers_arms import Arm, Failed


@pytest.mark.parametrize(
    "name, data_set, shape, settings",
    [
        ("plan-clean", "other", "tenth", {"plan": "auto", "adversarial_weight": 0.0}),
        ("plan-adversarial", "other", "whole", {"plan": "auto", "adversarial_weight": 1.0}),
        ("preset-clean", "bibtex", "whole", {"plan": "bibtex", "adversarial_weight": 0.0, "preprocessing": "bibtex"}),
        (
            "preset-clean",
            "tibkat-gnd",
            "whole",
            {"plan": "tibkat", "adversarial_weight": 0.0, "preprocessing": "tibkat"},
        ),
        ("preset-clean", "bibtex", "tenth", None),
        ("preset-adversarial", "other", "whole", None),
    ],
)
def test_our_arms(name, data_set, shape, settings):
    arm = peers_arms.find(name, data_set, shape)
    assert arm == (None if settings is None else Arm(name, "", settings))


def test_peers_are_found_by_name():
    assert peers_arms.find("bonsai", "any", "tail") is peers_arms.PEERS["bonsai"]
    assert not any(arm.ours for arm in peers_arms.PEERS.values())


@pytest.fixture
def processes(monkeypatch):
    """The requests that processes would get; each writes an output."""
    requests = []

    def run(command, **_):
        request = json.loads(command[-1])
        requests.append((command[:-1], request))
        if request["stage"] == "train":
            with open(request["output"], "w", encoding="utf-8") as file:
                json.dump({"seconds": 2.0, "cpu_seconds": 3.0, "peak_mb": 4.0}, file)
            os.makedirs(request["model"])
            with open(os.path.join(request["model"], "weights"), "wb") as file:
                file.write(bytes(1_500_000))
        elif request["stage"] == "predict":
            labels = np.zeros((4, request["top"]), np.int32)
            np.savez(request["output"], labels=labels, seconds=0.2, cpu_seconds=0.3, peak_mb=5.0)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(peers_arms.subprocess, "run", run)
    monkeypatch.setattr(peers_arms.peers_environments, "python_of", lambda package, _: f"{package}/python")
    return requests


def test_a_run_keeps_measurements_and_predictions_and_is_not_repeated(tmp_path, processes):
    output = tmp_path / "results" / "plan-clean-1"
    arm = Arm("plan-clean", "", {"plan": "auto"})
    for _ in range(2):
        peers_arms.run(arm, "data", str(output), 1, "environments", 2, 1.0)
    (_, prepared), (command, first), (_, second) = processes
    assert prepared["stage"] == "prepare"
    assert command[1:] == ["-m", "benchmarks.peers_ours"] and first["settings"] == {"plan": "auto", "seed": 1}
    assert (first["stage"], second["stage"], second["top"]) == ("train", "predict", 100)
    result = json.loads((tmp_path / "results" / "plan-clean-1.json").read_text())
    assert (result["model_mb"], result["train"]["peak_mb"], result["predict"]["milliseconds_per_point"]) == (
        1.5,
        4.0,
        50.0,
    )
    assert sorted(path.name for path in output.parent.iterdir()) == ["plan-clean-1.json", "plan-clean-1.npz"]
    peers_arms.run(Arm("plan-clean", "", {"plan": "auto", "epochs": 1}), "data", str(output), 1, "environments", 2, 1.0)
    assert len(processes) == 6, "other settings are run anew"


def test_an_interrupted_run_goes_on_with_the_trained_model(tmp_path, processes, monkeypatch):
    parabel, whole = peers_arms.PEERS["parabel"], peers_arms.subprocess.run

    def killed(command, **options):
        if json.loads(command[-1])["stage"] == "predict":
            return subprocess.CompletedProcess(command, 9)
        return whole(command, **options)

    def run(arm):
        peers_arms.run(arm, "data", str(tmp_path / "a"), 0, "environments", 2, 1.0)

    monkeypatch.setattr(peers_arms.subprocess, "run", killed)
    with pytest.raises(Failed, match="predict ended with status 9"):
        run(parabel)
    monkeypatch.setattr(peers_arms.subprocess, "run", whole)
    run(parabel)
    assert [request["stage"] for _, request in processes] == ["train", "predict"]
    assert json.loads((tmp_path / "a.json").read_text())["train"] == {
        "seconds": 2.0,
        "cpu_seconds": 3.0,
        "peak_mb": 4.0,
    }


def test_a_model_of_other_settings_is_trained_anew(tmp_path, processes):
    (tmp_path / "a.model").mkdir()
    for left in ({"seconds": 1.0}, {"settings": {"max_depth": 3}}):
        (tmp_path / "a.measured.json").write_text(json.dumps(left))
        peers_arms.run(peers_arms.PEERS["parabel"], "data", str(tmp_path / "a"), 0, "environments", 2, 1.0)
        assert [request["stage"] for _, request in processes] == ["train", "predict"]
        processes.clear()
        (tmp_path / "a.json").unlink()


def test_a_model_that_is_gone_is_trained_anew(tmp_path, processes):
    (tmp_path / "a.measured.json").write_text(json.dumps({"settings": {}}))
    peers_arms.run(peers_arms.PEERS["parabel"], "data", str(tmp_path / "a"), 0, "environments", 2, 1.0)
    assert [request["stage"] for _, request in processes] == ["train", "predict"]


def test_a_peer_runs_in_its_environment_without_a_seed(tmp_path, processes):
    peers_arms.run(peers_arms.PEERS["bonsai"], "data", str(tmp_path / "bonsai-0"), 0, "environments", 2, 1.0)
    command, request = processes[0]
    assert command[0] == "omikuji/python" and command[1].endswith("peer.py")
    assert request["settings"] == {"cluster_balanced": False, "cluster_k": 100, "max_depth": 3}


def test_a_process_that_fails_leaves_no_result(tmp_path, monkeypatch):
    def fail(command, stdout, **_):
        stdout.write(b"the reason")
        return subprocess.CompletedProcess(command, 3)

    def late(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    for run, message in (
        (fail, "prepare ended with status 3: the reason"),
        (late, "prepare took longer than 1 minutes"),
    ):
        monkeypatch.setattr(peers_arms.subprocess, "run", run)
        with pytest.raises(Failed, match=message):
            peers_arms.run(Arm("plan-clean", "", {}), "data", str(tmp_path / "a"), 0, "", 1, 1.0)
    assert not (tmp_path / "a.json").exists()
