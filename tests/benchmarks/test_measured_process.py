"""Work in a process of its own: its time, its memory, and its end without a result."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks import measured_process
from mach_tf.errors import InputError


def prepare(what):
    time.sleep(0.2)  # not timed

    def work():
        if what == "dies":
            os._exit(3)
        if what == "raises":
            raise ValueError("wrong")
        kept = bytearray(what)
        kept[::4096] = b"1" * len(kept[::4096])
        time.sleep(0.3)
        return 30, 3_000_000

    return work


def test_time_and_memory_by_hand():
    small, large = (measured_process.measure(prepare, size) for size in (1, 100_000_000))
    for result in (small, large):
        assert 0.3 <= result["seconds"] < result["seconds"] + result["startup_seconds"]
        assert result["startup_seconds"] >= 0.2 and result["cpu_seconds"] <= result["seconds"] + 0.1
        assert result["points_per_second"] == pytest.approx(30 / result["seconds"], rel=0.02)
        assert result["mb_per_second"] == pytest.approx(3 / result["seconds"], abs=0.06)
        assert result["text_mb"] == 3
    assert 80 < large["peak_mb"] - small["peak_mb"] < 130


@pytest.mark.parametrize("what, status", [("dies", 3), ("raises", 1)])
def test_a_process_without_a_result_is_an_error(what, status):
    with pytest.raises(RuntimeError, match=f"ended with status {status}"):
        measured_process.measure(prepare, what)


def test_the_others_are_measured_when_one_has_ended():
    def measure(process):
        if process.pid == os.getpid():
            raise psutil.NoSuchProcess(process.pid)
        return process.pid

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        found = measured_process.of_family(psutil.Process(), measure)
    assert child.pid in found and os.getpid() not in found


def test_arms_that_do_not_exist_are_named():
    measured_process.check_arms(["one"], ["one", "two"])
    with pytest.raises(InputError, match=r"--arms must be among one, two \(got three\)"):
        measured_process.check_arms(["one", "three"], ["one", "two"])
