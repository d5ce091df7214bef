"""Environments are made once, made anew when their pins change, and refused with a sentence."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import peers_environments
from benchmarks.peers_environments import Unavailable


@pytest.fixture
def commands(monkeypatch):
    """The commands that would be run; none is."""
    found = []

    def run(command, **_):
        found.append(command)
        return subprocess.CompletedProcess(command, 0, "")

    def make(package, command):
        run(command)
        if "venv" in command:
            os.makedirs(command[-1])

    monkeypatch.setattr(peers_environments, "_run", make)
    monkeypatch.setattr(peers_environments, "find_python", lambda: "python3")
    return found


def test_an_environment_is_made_once(tmp_path, commands, monkeypatch):
    python = peers_environments.python_of("pecos", str(tmp_path))
    assert python == str(tmp_path / "pecos" / "bin" / "python")
    assert commands[0] == ["python3", "-m", "venv", str(tmp_path / "pecos")]
    assert [command[6:] for command in commands[1:]] == [list(step) for step in peers_environments.PINS["pecos"]]
    assert peers_environments.python_of("pecos", str(tmp_path)) == python and len(commands) == 3
    monkeypatch.setitem(peers_environments.PINS, "pecos", (("libpecos==9",),))
    peers_environments.python_of("pecos", str(tmp_path))
    assert len(commands) == 5 and commands[-1][-1] == "libpecos==9"


def test_a_failed_step_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(peers_environments, "find_python", lambda: sys.executable)
    monkeypatch.setitem(peers_environments.PINS, "pecos", ())

    def fail(command, **_):
        return subprocess.CompletedProcess(command, 1, "one\ntwo\nthree\n")

    monkeypatch.setattr(peers_environments.subprocess, "run", fail)
    with pytest.raises(Unavailable, match=r"pecos cannot be installed: -m venv .*pecos ended with 'two three'\."):
        peers_environments.python_of("pecos", str(tmp_path))
    assert not (tmp_path / "pecos" / "installed.json").exists()


def test_without_a_suitable_python_the_peer_is_unavailable(tmp_path, monkeypatch):
    monkeypatch.setattr(peers_environments, "PYTHON_VERSIONS", ("2.3",))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(Unavailable, match=r"omikuji needs Python 2\.3 with venv, and none was found"):
        peers_environments.python_of("omikuji", str(tmp_path))


def test_every_pin_names_a_version():
    steps = [step for steps in peers_environments.PINS.values() for step in steps]
    assert all("==" in item or item.startswith("--") for step in steps for item in step)
    assert json.dumps(steps)
