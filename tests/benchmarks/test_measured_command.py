"""A command is measured with its children, and one that fails says why."""

from __future__ import annotations

import sys
import time

import pytest

from benchmarks import measured_command, measured_process
from mach_tf.errors import InputError
from tests.helpers.waiting import LONG

WORK = r"""
import subprocess, sys, time
held = bytearray(100_000_000)
begun = time.process_time()
while time.process_time() - begun < 0.3: pass
held_too = "import os, sys, time; held = bytearray(100_000_000)\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)"
subprocess.run([sys.executable, "-c", held_too, sys.argv[1]], check=True)
print("done")
"""


def test_children_count(tmp_path, monkeypatch):
    """The child holds its memory until a sample has seen it; a test that fails ends it after a minute."""
    log, seen, begin = tmp_path / "log", tmp_path / "seen", time.monotonic()

    def memory(pid):
        found = measured_process.memory(pid)
        if found > 205_000_000 or time.monotonic() > begin + LONG:
            seen.touch()
        return found

    monkeypatch.setattr(measured_command, "memory", memory)
    found = measured_command.run([sys.executable, "-c", WORK, str(seen)], str(log))
    assert found["cpu_seconds"] >= 0.3 and 0.1 < found["seconds"] <= round(time.monotonic() - begin, 2)
    assert 200 < found["peak_mb"] < 300
    assert log.read_text() == "done\n"


def test_a_failure_has_the_last_lines(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(InputError, match=r"-c raise.* ended with status 1: .*ValueError: broken See .*log\."):
        measured_command.run([sys.executable, "-c", "raise ValueError('broken')"], str(log))
