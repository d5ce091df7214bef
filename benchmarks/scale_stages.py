"""The stages of a run at scale, each a program of this project, and how one is run: once, measured, and kept on disk."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable

from benchmarks import measured_command
from mach_tf import files

# What the files of results are called in messages.
RESULT = "result of a stage"


@dataclasses.dataclass(frozen=True)
class Stage:
    """A program to run.

    Attributes:
      name: its name in tables and files.
      command: returns the arguments of Python; called when the stage begins, as it may read what earlier ones wrote.
      output: the file or folder that it writes; empty if there is none.
      resumes: whether the program goes on with the output of an earlier run; otherwise that is removed first.
    """

    name: str
    command: Callable[[], list[str]]
    output: str = ""
    resumes: bool = False


def run(stages: Sequence[Stage], directory: str, report: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Runs the stages that are not done; if one runs, all after it run anew.

    Args:
      stages: in their order.
      directory: holds NAME.json and NAME.log for each stage.
      report: is told which stage begins.

    Returns:
      By the name of each stage `seconds`, `cpu_seconds`, `peak_mb`, `disk_mb`, `date`, the `command`, `load` (of the machine, before and
      after), and `resumed`: whether it went on with what an interrupted run had left, so that its time is a part only.

    Raises:
      InputError: a stage failed. What it wrote and its log are kept.
    """
    os.makedirs(directory, exist_ok=True)
    results: dict[str, dict[str, Any]] = {}
    for place, stage in enumerate(stages):
        path, log = (os.path.join(directory, f"{stage.name}.{ending}") for ending in ("json", "log"))
        resumed = stage.resumes and os.path.exists(stage.output)
        if os.path.isfile(path):
            results[stage.name] = files.read_json(path, RESULT)
            if results[stage.name]["command"] == stage.command():
                continue
            resumed = False  # the output is that of another command
        _forget(stages[place + 1 :], directory)
        _remove(path)
        if not resumed:
            _remove(stage.output)
        report(stage.name)
        results[stage.name] = _measured(stage, log, resumed)
        files.write_json(path, results[stage.name])
    return results


def _measured(stage: Stage, log: str, resumed: bool) -> dict[str, Any]:
    command, before = stage.command(), os.getloadavg()[0]
    if not resumed and os.path.exists(log):
        os.remove(log)
    measured = measured_command.run([sys.executable, *command], log)
    return {
        **measured,
        "disk_mb": round(_bytes(stage.output) / 1e6, 1),
        "resumed": resumed,
        "load": [round(before, 1), round(os.getloadavg()[0], 1)],
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "command": command,
    }


def _forget(stages: Sequence[Stage], directory: str) -> None:
    """Removes the results of stages whose input is new, and what they wrote."""
    for stage in stages:
        _remove(os.path.join(directory, f"{stage.name}.json"))
        _remove(stage.output)


def _remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def _bytes(path: str) -> int:
    """Returns the bytes of a file, or of all files of a folder; 0 without a path."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(path) for name in names)


def first_point(path: str) -> str:
    """Returns the request that asks the service for the best labels of the first point of a text file."""
    with open(path, encoding="ascii") as file:
        file.readline()
        entries = [entry.partition(":") for entry in file.readline().split() if ":" in entry]
    ids, values = [int(entry[0]) for entry in entries], [float(entry[2]) for entry in entries]
    return json.dumps({"points": [{"feature_ids": ids, "feature_values": values}], "k": 5})
