"""The examples of the docstrings run, in a folder with a small dataset and a model trained on it."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import json
import pathlib

import numpy as np
import pytest
from absl import flags

import mach_tf
from tests.helpers import command_lines, programs

ROOT = pathlib.Path(mach_tf.__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "mach_tf").rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)
PROGRAMS = sorted(
    f"benchmarks.{path.stem}"
    for path in (ROOT / "benchmarks").glob("*.py")
    if "    python -m benchmarks." in path.read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """data/mine, models/mine, train.txt and test.txt, and papers.jsonl."""
    folder = tmp_path_factory.mktemp("examples")
    X, Y = matrices()
    mach_tf.write_dataset(X, Y, str(folder / "data" / "mine"), test=(X, Y))
    small = {"buckets": 10, "repetitions": 2, "hidden_units": 8, "epochs": 5, "progress": False}
    mach_tf.fit(folder / "data" / "mine", folder / "models" / "mine", plan=None, **small)
    for name in ("train", "test"):
        (folder / f"{name}.txt").write_text("2 5 4\n0,3 1:0.5 4:1.25\n2 0:1\n")
    papers = [{"title": "On light", "abstract": "Light and lenses", "subjects": ["optics"]}] * 3
    (folder / "papers.jsonl").write_text("".join(f"{json.dumps(paper)}\n" for paper in papers))
    return folder


def matrices():
    generator = np.random.default_rng(0)
    Y = (generator.random((40, 8)) < 0.3).astype(np.float32)
    return np.hstack([Y, generator.random((40, 4)).astype(np.float32)]), Y


@pytest.mark.parametrize("name", PROGRAMS)
def test_commands_name_flags_of_their_program(name):
    text = (ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
    for module, given in command_lines.programs_of(ast.get_docstring(ast.parse(text)) or ""):
        programs.forget_flags()
        importlib.import_module(module)
        names = [flag.removeprefix("--").partition("=")[0] for flag in given if flag.startswith("--")]
        assert [flag for flag in names if flag not in flags.FLAGS] == []


def test_there_are_examples():
    assert {"mach_tf.training.fit", "mach_tf.ensemble", "mach_tf.sklearn"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, folder, monkeypatch):
    if name in ("mach_tf.sklearn", "mach_tf.mach_ensemble") and importlib.util.find_spec("sklearn") is None:
        pytest.skip("scikit-learn is not installed")
    monkeypatch.chdir(folder)
    X, Y = matrices()
    known = {"mach_tf": mach_tf, "np": np, "X": X, "Y": Y, "model": mach_tf.Ensemble.load("models/mine")}
    found = doctest.testmod(importlib.import_module(name), extraglobs=known, optionflags=doctest.ELLIPSIS)
    assert found.attempted and not found.failed
