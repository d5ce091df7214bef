"""Both arms of the benchmark read the same records; its ratios by hand, and scikit-learn's part against its own matrix."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from mach_tf.errors import InputError
from tests.helpers import programs


@pytest.fixture
def text():
    programs.forget_flags()
    return importlib.import_module("benchmarks.text")


def test_ratios_by_hand(text):
    def arms(ours, theirs, our_peak, their_peak):
        return {
            "mach_tf": {"seconds": ours, "peak_mb": our_peak},
            "scikit_learn": {"seconds": theirs, "peak_mb": their_peak},
        }

    files = {"real": arms(2, 7, 10, 10), "quarter": arms(1, 2, 200, 100), "generated": arms(4, 10, 220, 390)}
    speeds = {
        "real: scikit_learn/mach_tf": 3.5,
        "quarter: scikit_learn/mach_tf": 2,
        "generated: scikit_learn/mach_tf": 2.5,
    }
    assert text.ratios(files) == {**speeds, "memory: mach_tf": 1.1, "memory: scikit_learn": 3.9}
    alone = {name: {"mach_tf": arms["mach_tf"]} for name, arms in files.items()}
    assert text.ratios(alone) == {"memory: mach_tf": 1.1}


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.tsv", "One two.\t<x> <y>\nTwo, one\t<y>\nthree\t\n"),
        (
            "a.jsonl",
            '{"text": "One two.", "labels": ["x", "y"]}\n{"text": "Two, one", "labels": ["y"]}\n{"text": "three", "labels": []}\n',
        ),
    ],
)
def test_scikit_learn_writes_its_matrix_as_text(text, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    output = tmp_path / "out.txt"
    assert text.prepare("scikit_learn", str(tmp_path / name), str(output))() == (3, len(content))
    lines = output.read_text().splitlines()
    # "one" and "two" are in two records each; "three", "one two" and "two one" in one.
    assert [line.split(" ")[0] for line in lines] == ["0,1", "1", ""]
    assert [line.count(":") for line in lines] == [2, 2, 0]


def test_an_unknown_arm_is_refused():
    with pytest.raises(InputError, match=r"--arms must be among mach_tf, scikit_learn \(got other\)"):
        programs.run("benchmarks.text", "--arms=other")


@pytest.mark.parametrize("arms", [["mach_tf"], pytest.param(["mach_tf", "scikit_learn"], marks=pytest.mark.slow)])
def test_each_arm_is_timed_on_the_same_records(tmp_path, arms):
    corpus = tmp_path / "corpus.tsv"
    corpus.write_text("Grammar for spelling ¤ Which rules?\t<x/1> <x/2>\nSpelling rules\t<x/2>\n" * 20)
    flags = ["--records=400", f"--input={corpus}", "--repeat=2", f"--arms={','.join(arms)}"]
    command = [sys.executable, "-m", "benchmarks.text", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert {name: list(measured) for name, measured in result["files"].items()} == dict.fromkeys(
        ("real", "quarter", "generated"), arms
    )
    for name, records in (("real", 80), ("quarter", 100), ("generated", 400)):
        for arm in result["files"][name].values():
            assert arm["points_per_second"] == pytest.approx(records / arm["seconds"], rel=0.5)
            assert 20 < arm["peak_mb"] < 3000
    assert all(ratio > 0 for ratio in result["ratios"].values())
