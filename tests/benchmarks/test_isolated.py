"""Steps in a process of their own: each has an outcome, whatever another does."""

from __future__ import annotations

import sys
import time
import types

from benchmarks import isolated

PROGRAM = """
import os, sys, time
sys.path.insert(0, {root!r})
from benchmarks import isolated
def run(step):
    print("a line of", step, flush=True)
    if step == "raises": raise ValueError("wrong\\nsecond line")
    if step == "dies": os._exit(3)
    if step == "hangs": time.sleep(60)
    return {{"value": os.environ["VALUE"] + step}}
isolated.serve(sys.argv[1].split(","), run)
"""


def _outcomes(steps, seconds=120.0):
    import pathlib

    program = PROGRAM.format(root=str(pathlib.Path(__file__).parents[2]))
    command = [sys.executable, "-c", program]
    return {one.step: one for one in isolated.outcomes(command, steps, seconds, {"VALUE": "of "})}


def test_results_come_in_order():
    found = _outcomes(["one", "two"])
    assert [(step, one.result, one.error) for step, one in found.items()] == [
        ("one", {"value": "of one"}, ""),
        ("two", {"value": "of two"}, ""),
    ]


def test_a_step_that_fails_or_dies_costs_no_other():
    found = _outcomes(["one", "raises", "dies", "two"])
    assert list(found) == ["one", "raises", "dies", "two"]
    assert found["raises"].error == "ValueError: wrong"
    assert "status 3" in found["dies"].error and "a line of dies" in found["dies"].error
    assert found["two"].result == {"value": "of two"}


def test_a_step_that_takes_too_long_is_ended(monkeypatch):
    skipped = [0.0]

    def passed_on(line, **_):
        skipped[0] += 1000 * ("hangs" in line)

    monkeypatch.setattr(isolated, "print", passed_on, raising=False)
    monkeypatch.setattr(isolated, "time", types.SimpleNamespace(monotonic=lambda: time.monotonic() + skipped[0]))
    found = _outcomes(["hangs", "two"])
    assert "took longer than" in found["hangs"].error
    assert found["two"].result == {"value": "of two"}
