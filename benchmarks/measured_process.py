"""Runs a piece of work in a new process and measures its time and memory."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Collection, Sequence
from multiprocessing.connection import Connection
from typing import Any, Callable, Optional, TypeVar

import psutil

from mach_tf.errors import InputError

T = TypeVar("T")
Work = Callable[[], "tuple[int, int]"]  # does the work; returns the points and the bytes of text that it read

_SAMPLING_SECONDS = 0.1


def measure(prepare: Callable[..., Work], *arguments: Any) -> dict[str, Any]:
    """Runs work in a new process and samples its memory.

    Args:
      prepare: a function of a module, called in the new process with `arguments`. It imports and warms up what the work needs, which
        is not timed, and returns the work.
      *arguments: arguments that can be sent to another process.

    Returns:
      The seconds of the work, of the start before it and of its processors; points and megabytes of text per second; the
      megabytes of text; and the peak memory in megabytes, of the process and its children, shared pages counted once.

    Raises:
      RuntimeError: the process ended without a result.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(prepare, arguments, theirs))
    begin = time.monotonic()
    process.start()
    theirs.close()
    peak = 0
    while not ours.poll(_SAMPLING_SECONDS):
        peak = max(peak, memory(process.pid))
        if process.exitcode is not None and not ours.poll():
            raise RuntimeError(f"{prepare.__name__}{arguments} ended with status {process.exitcode}")
    try:
        seconds, cpu_seconds, points, text_bytes, own_peak = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{prepare.__name__}{arguments} ended with status {process.exitcode}") from None
    peak = max(peak, memory(process.pid))
    process.join()
    wall = time.monotonic() - begin
    return {
        "seconds": round(seconds, 3),
        "startup_seconds": round(wall - seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "points_per_second": round(points / seconds),
        "mb_per_second": round(text_bytes / 1e6 / seconds, 1),
        "text_mb": round(text_bytes / 1e6, 1),
        "peak_mb": round(max(peak, own_peak) / 1e6, 1),
    }


def memory(pid: Optional[int]) -> int:
    """Returns the bytes that a process and its children occupy, shared pages counted once; 0 if it has just ended."""
    try:
        return sum(of_family(psutil.Process(pid), lambda process: process.memory_full_info().pss))
    except psutil.Error:
        return 0


def of_family(parent: psutil.Process, measure: Callable[[psutil.Process], T]) -> list[T]:
    """Measures a process and its children; those that end meanwhile are left out."""
    found = []
    for process in [parent, *parent.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(measure(process))
    return found


def _run(prepare: Callable[..., Work], arguments: tuple[Any, ...], connection: Connection) -> None:
    work = prepare(*arguments)
    begin, begin_cpu = time.monotonic(), time.process_time()
    points, text_bytes = work()
    seconds, cpu_seconds = time.monotonic() - begin, time.process_time() - begin_cpu
    connection.send((seconds, cpu_seconds, points, text_bytes, _own_peak()))
    connection.close()


def _own_peak() -> int:
    """Returns the most bytes that this process has occupied. ru_maxrss would include what its parent occupied before it."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def check_arms(chosen: Sequence[str], arms: Collection[str], flag: str = "arms", needed: bool = False) -> None:
    """Raises InputError for the value of --arms, or of another flag, that names what a benchmark does not run; or names nothing, if `needed`."""
    unknown = [arm for arm in chosen if arm not in arms]
    if unknown or (needed and not chosen):
        raise InputError(f"--{flag} must be among {', '.join(arms)} (got {', '.join(unknown) or 'none'}). Correct it.")
