"""A command is measured with its children, and one that fails says why."""

from __future__ import annotations

import sys

import pytest

from benchmarks import measured_command
from mach_tf.errors import InputError

WORK = """
import subprocess, sys, time
held = bytearray(100_000_000)
begun = time.process_time()
while time.process_time() - begun < 0.3: pass
subprocess.run([sys.executable, "-c", "import time; held = bytearray(100_000_000); time.sleep(1)"], check=True)
print("done")
"""


def test_children_count(tmp_path):
    log = tmp_path / "log"
    found = measured_command.run([sys.executable, "-c", WORK], str(log))
    assert 1 < found["seconds"] < 60 and 0.3 <= found["cpu_seconds"] < 30
    assert 200 < found["peak_mb"] < 300
    assert log.read_text() == "done\n"


def test_a_failure_has_the_last_lines(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(InputError, match=r"-c raise.* ended with status 1: .*ValueError: broken See .*log\."):
        measured_command.run([sys.executable, "-c", "raise ValueError('broken')"], str(log))
