"""Runs a command and measures its time, its memory and the processor time of all its processes."""

from __future__ import annotations

import contextlib
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.measured_process import memory
from mach_tf.errors import InputError

_SAMPLING_SECONDS = 0.2
# A sample of a process of many gigabytes takes tens of milliseconds. The pause after it is this many times as long, up to a limit.
_SAMPLING_PAUSE, _MOST_SECONDS = 50, 3.0
_LAST_LINES = 5


def end_by_sigterm() -> None:
    """Lets SIGTERM end this process as an error would, so that a command that it runs is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def run(command: Sequence[str], log: str) -> dict[str, Any]:
    """Runs a command to its end.

    Args:
      command: the program and its arguments.
      log: the file that its output is appended to.

    Returns:
      `seconds`, `cpu_seconds`, and `peak_mb`: the most memory that it and its children occupied at a time, shared pages counted once,
      as samples see it.

    Raises:
      InputError: it ended with another status than 0; the message has its last lines.
    """
    before, begun, peak = _cpu_seconds(), time.monotonic(), 0
    with open(log, "ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            while process.poll() is None:
                sampling = time.monotonic()
                peak = max(peak, memory(process.pid))
                pause = _SAMPLING_PAUSE * (time.monotonic() - sampling)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(min(_MOST_SECONDS, max(_SAMPLING_SECONDS, pause)))
        finally:
            if process.poll() is None:
                process.terminate()  # every program of ours stops in order
                process.wait()
    if process.returncode:
        with open(log, encoding="utf-8", errors="replace") as text:
            last = " ".join(line.strip() for line in text.read().splitlines()[-_LAST_LINES:])
        raise InputError(f"{' '.join(command[1:4])} ended with status {process.returncode}: {last} See {log}.")
    return {
        "seconds": round(time.monotonic() - begun, 2),
        "cpu_seconds": round(_cpu_seconds() - before, 2),
        "peak_mb": round(peak / 1e6, 1),
    }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
