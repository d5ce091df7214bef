"""Both arms of the benchmark read the same records; its ratios by hand, and scikit-learn's part against its own matrix."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests.helpers import programs

# "one" and "two" are in two records each; "one two" and "two one" in one.
FILES = [
    ("a.tsv", "One two.\t<x> <y>\nTwo, one\t<y>\n"),
    ("a.jsonl", '{"text": "One two.", "labels": ["x", "y"]}\n{"text": "Two, one", "labels": ["y"]}\n'),
]


@pytest.fixture
def text():
    programs.forget_flags()
    return importlib.import_module("benchmarks.text")


def test_ratios_by_hand(text):
    def arms(ours, theirs, our_peak, their_peak):
        return {
            "mach_tf": {"seconds": ours, "cpu_seconds": 2 * ours, "peak_mb": our_peak},
            "scikit_learn": {"seconds": theirs, "cpu_seconds": theirs, "peak_mb": their_peak},
        }

    files = {"real": arms(2, 7, 10, 10), "quarter": arms(1, 2, 200, 100), "generated": arms(4, 10, 220, 390)}
    speeds = {
        "real: scikit_learn/mach_tf": 3.5,
        "quarter: scikit_learn/mach_tf": 2,
        "generated: scikit_learn/mach_tf": 2.5,
        "real, processor time: scikit_learn/mach_tf": 1.75,
        "quarter, processor time: scikit_learn/mach_tf": 1,
        "generated, processor time: scikit_learn/mach_tf": 1.25,
    }
    assert text.ratios(files) == {**speeds, "memory: mach_tf": 1.1, "memory: scikit_learn": 3.9}
    alone = {name: {"mach_tf": arms["mach_tf"]} for name, arms in files.items()}
    assert text.ratios(alone) == {"memory: mach_tf": 1.1}


@pytest.mark.parametrize("name, content", FILES)
def test_scikit_learn_writes_its_matrix_as_text(text, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    output = tmp_path / "out.txt"
    assert text.prepare("scikit_learn", str(tmp_path / name), str(output))() == (2, len(content))
    lines = output.read_text().splitlines()
    assert [line.split(" ")[0] for line in lines] == ["0,1", "1"]
    assert [line.count(":") for line in lines] == [2, 2]


def test_an_unknown_arm_is_refused():
    with pytest.raises(InputError, match=r"--arms must be among mach_tf, scikit_learn \(got other\)"):
        programs.run("benchmarks.text", "--arms=other")


@pytest.mark.parametrize("name, content", FILES[1:])
def test_ours_writes_a_dataset(text, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    output = tmp_path / "out"
    assert text.prepare("mach_tf", str(tmp_path / name), str(output))() == (2, len(content))
    manifest = DatasetManifest.read(str(output))
    assert (manifest.features, manifest.labels, manifest.splits["train"].points) == (2, 2, 2)


@pytest.mark.slow
def test_each_arm_is_timed_on_the_same_records(tmp_path):
    corpus = tmp_path / "corpus.tsv"
    corpus.write_text("Grammar for spelling ¤ Which rules?\t<x/1> <x/2>\nSpelling rules\t<x/2>\n" * 20)
    command = [sys.executable, "-m", "benchmarks.text", "--records=400", f"--input={corpus}", "--repeat=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result["files"]) == ["real", "quarter", "generated"]
    assert all(list(arms) == ["mach_tf", "scikit_learn"] for arms in result["files"].values())
    for name, records in (("real", 80), ("quarter", 100), ("generated", 400)):
        for arm in result["files"][name].values():
            assert arm["points_per_second"] == pytest.approx(records / arm["seconds"], rel=0.5)
            assert 20 < arm["peak_mb"] < 3000
    assert len(result["ratios"]) == 8 and all(ratio > 0 for ratio in result["ratios"].values())
