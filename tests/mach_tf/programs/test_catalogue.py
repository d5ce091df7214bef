"""The catalogue names every program, and every program is what it says."""

from __future__ import annotations

import importlib.util
import pathlib
import re

import pytest

from mach_tf.programs import catalogue
from mach_tf.programs.catalogue import PROGRAMS

ROOT = pathlib.Path(catalogue.__file__).parents[2]


@pytest.mark.parametrize("entry", PROGRAMS, ids=lambda entry: entry.script)
def test_a_program_has_a_main_and_a_run(entry):
    source = pathlib.Path(importlib.util.find_spec(entry.module).origin).read_text()
    assert re.search(r"^def main\(", source, re.MULTILINE) and re.search(r"^def run\(\)", source, re.MULTILINE)


def test_the_scripts_of_setup_are_those_of_the_catalogue():
    found = re.findall(r'"(mach-[a-z]+) = ([a-z_.]+):run"', (ROOT / "setup.py").read_text())
    assert sorted(found) == sorted((entry.script, entry.module) for entry in PROGRAMS)


def test_siblings_are_all_the_others():
    text = catalogue.siblings("train.main")
    assert "mach-train" not in text and all(p.script in text for p in PROGRAMS if p.module != "train.main")
    assert catalogue.siblings("benchmarks.decode") == ""


def test_a_script_stands_before_its_flags():
    assert catalogue.script("train.main") == "mach-train " and catalogue.script("benchmarks.decode") == ""
