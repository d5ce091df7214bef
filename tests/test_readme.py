"""README.md shows what runs: its Python lines are those of examples/quick_start.py."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

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
