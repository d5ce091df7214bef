"""The commands of `make demo`, on a few files and with a tiny training: from Python files to the prediction for a typed text."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from tests.helpers import command_lines, programs

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What is added to a program's flags, so that it takes a second.
SMALLER = {
    "preprocess.demo_data": ["--source_dirs={sources}", "--workers=1"],
    "train.main": ["--buckets=10", "--repetitions=2", "--hidden_units=32", "--epochs=10", "--batch_size=8"],
}
MODULES = ("numpy.testing", "matplotlib.pyplot", "os.path")
USES = ("np.sum(x)", "ax.plot(x)", "sys.path")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Files that import one of three modules, and use its last name and others."""
    directory = tmp_path_factory.mktemp("sources")
    for i in range(120):
        package, _, name = MODULES[i % 3].rpartition(".")
        lines = [
            f"from {package} import {name}",
            f"import {MODULES[i % 3]}",
            f"value_{i} = {name}.call({USES[i % 3]})",
        ]
        (directory / f"f{i:03d}.py").write_text("\n".join(lines) + "\n")
    return directory


def commands(directory: pathlib.Path) -> list[tuple[str, list[str]]]:
    """The programs of `make demo` in their order, with their flags."""
    (directory / "venv/bin").mkdir(parents=True)
    for name in ("bin/python", "installed", "installed-serve"):
        (directory / "venv" / name).touch()
    made = subprocess.run(
        ["make", "--dry-run", "demo", f"VENV={directory}/venv", f"DEMO={directory}/demo"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    return command_lines.programs_of(made.stdout)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_demo_goes_from_files_to_the_prediction_for_a_text(sources, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    demo = tmp_path / "demo"
    steps = commands(tmp_path)
    assert [module for module, _ in steps] == [
        "preprocess.demo_data",
        "preprocess.to_tfrecord",
        "train.main",
        "eval.main",
        "explain.main",
        "eval.predict",
        "explain.main",
        "train.export",
        "serve.ask",
    ]
    printed = {}
    for module, flags in steps:
        programs.run(module, *flags, *(flag.format(sources=sources) for flag in SMALLER.get(module, [])))
        printed[module] = capfd.readouterr().out
    assert "matplotlib.pyplot" in printed["eval.predict"]
    assert re.search(r"^plt.*\.plot\[\+", printed["explain.main"], re.M), (
        "the words of the typed line and what they add"
    )
    answer = json.loads(printed["serve.ask"].partition("\n")[2])
    assert "matplotlib.pyplot" in [label["name"] for label in answer["predictions"][0]["labels"]]
    assert json.loads((demo / "servables/demo/1/examples.json").read_text())["examples"]
    assert json.loads((demo / "evaluation/metrics.json").read_text())["metrics"]["P@1"] > 90
    assert (demo / "evaluation/robustness.png").exists()
    explanations = [json.loads(line) for line in (demo / "explanations/explanations.jsonl").open(encoding="utf-8")]
    assert len(explanations) == 9 and "testing" in json.dumps(explanations[0])
    assert "value" in (demo / "explanations/report.html").read_text(encoding="utf-8")
