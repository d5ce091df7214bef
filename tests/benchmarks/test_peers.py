"""The whole comparison on a tiny data set: our arm trained, and a peer that cannot be installed."""

import json
import lzma
import os

import pytest

from benchmarks import peers_arms, peers_environments, peers_ours
from mach_tf.errors import InputError
from tests.helpers import programs


@pytest.fixture
def sets(tmp_path):
    os.makedirs(tmp_path / "sets" / "one")
    for split in ("train", "test"):
        with lzma.open(tmp_path / "sets" / "one" / f"{split}.txt.xz", "wt") as file:
            file.write("48 6 6\n" + "".join(f"{i % 6} {i % 6}:1\n" for i in range(48)))
    return tmp_path / "sets"


@pytest.fixture
def in_process(monkeypatch):
    """Our program runs in this process; the peers cannot be installed."""

    def run(command, request, log, _):
        with open(log, "w", encoding="utf-8"):
            pass
        assert command[-1] == "benchmarks.peers_ours"
        request["settings"].update(buckets=6, repetitions=2, hidden_units=8, epochs=8, learning_rate=0.1)
        peers_ours.main(request)
        return 1.0

    def unavailable(package, _):
        raise peers_environments.Unavailable(f"{package} is not here")

    monkeypatch.setattr(peers_arms, "_run", run)
    monkeypatch.setattr(peers_environments, "python_of", unavailable)


def test_the_whole_program(sets, tmp_path, in_process, capsys):
    flags = [f"--data_dir={sets}", f"--output_dir={tmp_path / 'out'}", "--sets=one", "--seeds=1", "--bootstrap=20"]
    programs.run("benchmarks.peers", *flags, "--arms=bonsai,plan-clean,preset-clean")
    *lines, last = capsys.readouterr().out.strip().splitlines()
    found = json.loads(last)
    assert found["results"]["one"]["arms"]["plan-clean"]["metrics"]["P@1"] > 50
    assert found["missing"] == [
        "one/whole/test: bonsai: omikuji is not here.",
        "one/whole/test: bonsai has 0 of 1 runs.",
    ]
    assert (tmp_path / "out" / "peers.md").read_text().splitlines() == lines[:-2]
    result = json.loads((tmp_path / "out" / "one" / "whole" / "test" / "plan-clean-0.json").read_text())
    assert (result["train"]["buckets"], result["train"]["repetitions"]) == (6, 2)
    # The second time nothing is run.
    programs.run("benchmarks.peers", *flags, "--arms=plan-clean", "--norun")
    again = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert again["results"]["one"]["arms"]["plan-clean"] == found["results"]["one"]["arms"]["plan-clean"]


def test_an_unknown_arm_is_refused():
    with pytest.raises(InputError, match=r"--arms must be among parabel, .* \(got other\)"):
        programs.run("benchmarks.peers", "--arms=other")
