"""Runs steps in a process of their own, so that one that crashes or hangs costs its own result and no other."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional

# Lines of this form carry results; all others are passed on to standard error.
_MARK = "result: "
_LAST_LINES = 3


class Outcome(NamedTuple):
    """What became of a step.

    Attributes:
      step: its name.
      seconds: how long it took, the start of its process not included.
      result: what it returned; empty if it failed.
      error: why it failed; empty if it did not.
    """

    step: str
    seconds: float
    result: dict[str, Any]
    error: str = ""


def serve(steps: Sequence[str], run: Callable[[str], dict[str, Any]]) -> None:
    """Runs steps one after the other in this process, and prints the outcome of each for `outcomes` in another process.

    Args:
      steps: names of steps.
      run: runs a step by its name; its result is written as JSON. Whatever it raises is the step's error.
    """
    for step in steps:
        begun = time.monotonic()
        result, error = {}, ""
        try:
            result = run(step)
        except Exception as raised:  # Each step stands alone; its error is its outcome.
            error = f"{type(raised).__name__}: {raised}".strip().splitlines()[0]
        print(_MARK + json.dumps(Outcome(step, round(time.monotonic() - begun, 2), result, error)), flush=True)


def outcomes(
    command: Sequence[str], steps: Sequence[str], seconds: float, environment: Optional[Mapping[str, str]] = None
) -> Iterator[Outcome]:
    """Yields the outcome of each step as it ends. A process that ends early is started again with the steps that are left.

    Args:
      command: starts a process that calls `serve`; the names of the steps, separated by commas, are its last argument.
      steps: names of steps.
      seconds: how long a step may take; with it the process is killed.
      environment: variables to add to those of this process.
    """
    left = list(steps)
    while left:
        done = 0
        for outcome in _one_process([*command, ",".join(left)], seconds, {**os.environ, **(environment or {})}):
            yield outcome._replace(step=left[done])
            done += 1
        left = left[done:]


def _one_process(command: Sequence[str], seconds: float, environment: Mapping[str, str]) -> Iterator[Outcome]:
    """Yields outcomes until the process ends; if it does not end well, the last is that of the step it ended in."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(environment), errors="replace"
    )
    lines: queue.Queue[Optional[str]] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    begun = time.monotonic()
    last: list[str] = []
    try:
        while True:
            try:
                line = lines.get(timeout=max(0.0, begun + seconds - time.monotonic()))
            except queue.Empty:
                yield Outcome("", round(time.monotonic() - begun, 2), {}, f"took longer than {seconds:.0f} s")
                return
            if line is None:
                break
            if line.startswith(_MARK):
                begun, last = time.monotonic(), []
                yield Outcome(*json.loads(line[len(_MARK) :]))
            elif line.strip():
                last = [*last, line.strip()][-_LAST_LINES:]
                print(line, end="", file=sys.stderr)
        if process.wait():
            reason = f"its process ended with status {process.returncode}: {' '.join(last)}"
            yield Outcome("", round(time.monotonic() - begun, 2), {}, reason)
    finally:
        process.kill()
        process.wait()


def _read(process: subprocess.Popen[str], lines: queue.Queue[Optional[str]]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)
