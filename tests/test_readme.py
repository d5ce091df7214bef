"""README.md shows what runs: its Python lines are those of examples/quick_start.py, its commands for texts run on some."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.helpers import command_lines, programs

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "quick_start.py"


def shown_lines() -> str:
    found = re.search(r"^# README begins\n(.*?)^# README ends\n", SCRIPT.read_text(encoding="utf-8"), re.S | re.M)
    assert found
    return found[1]


def test_readme_shows_the_lines_of_the_script():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    shown = next((block for block in blocks if "mach_tf.fit(" in block), None)
    if shown is None:
        pytest.skip("README.md shows no training from Python yet")
    assert shown == shown_lines()
    assert len([line for line in shown.splitlines() if line.strip()]) <= 15


def test_the_script_trains_evaluates_and_explains(tmp_path):
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr
    precision = re.search(r"^P +(\d+\.\d+)", done.stdout, re.M)
    assert precision and float(precision[1]) > 90
    assert re.search(r"^\['[a-z ]+'(, '[a-z ]+'){4}\]$", done.stdout, re.M), "the names of five labels"
    parts = [float(part) for part in re.findall(r"^[a-z ]+ ([+-]\d+\.\d+)$", done.stdout, re.M)]
    assert parts and parts == sorted(parts, key=lambda part: -abs(part)), "the reasons, largest first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "models"]


def commands_for_texts(page: str) -> list[tuple[str, list[str]]]:
    """The programs of the first block of commands that reads books.csv."""
    text = (ROOT / page).read_text(encoding="utf-8")
    begin = text.index("mach-preprocess --train=books.csv")
    end = re.compile(r"^(?: {4})?mach-predict.*\n", re.M).search(text, begin)
    assert end
    return command_lines.programs_of(text[begin : end.end()])


@pytest.mark.parametrize("page", ["docs/getting-started.md", "docs/guide/text.md"])
def test_other_pages_show_the_same_commands_for_texts(page):
    assert commands_for_texts(page) == commands_for_texts("README.md")


def test_the_commands_for_texts_run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    kinds = ("lighthouse;coast", "garden;roses", "coast", "history;garden")
    rows = [f'The {kinds[i % 4]} {i},"Of a {kinds[i % 4]}, and of {i % 5}",{kinds[i % 4]}\n' for i in range(120)]
    (tmp_path / "books.csv").write_text("title,abstract,subjects\n" + "".join(rows))
    steps = commands_for_texts("README.md")
    assert len(steps) == 5
    for module, flags in steps:
        capfd.readouterr()
        small = ["--repetitions=2", "--hidden_units=16", "--epochs=5"] if module == "train.main" else []
        programs.run(module, *flags, *small)
    assert "history" in capfd.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["books.csv", "books.flags", "data", "models", "results"]
