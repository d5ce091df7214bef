"""Times training by several processes of this machine against one, and how soon all have ended after one of them is killed.

    python -m benchmarks.worker_processes "--training=--dataset_dir=data/eurlex57k --preset=eurlex57k --repetitions=2 --epochs=1"

runs mach-train with these flags and --strategy=multiworker in 2 and in 4 processes that TF_CONFIG connects. They share the processors of
one machine, so the figures show what their exchange costs, not what further machines gain. The last line is a JSON object; "ratios" holds
the points per second of each number of processes over those of the first one.
"""

from __future__ import annotations

import glob
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags
from tabulate import tabulate

from benchmarks.training_steps import read_steps
from mach_tf.programs import program

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "training", None, "Gives mach-train these flags; --model_dir is a temporary directory.", required=True
)
flags.DEFINE_multi_integer(
    "processes", [1, 2, 4], "Trains with this number of processes; may be repeated.", lower_bound=1
)
flags.DEFINE_float("wait", 120.0, "Waits this number of seconds for the others to end after one was killed.")

_POLL_SECONDS = 0.1


def main(_: list[str]) -> None:
    """Runs the program."""
    given = shlex.split(FLAGS.training)
    speeds = [throughput(count, given) for count in FLAGS.processes]
    kills = [killed(count, given, FLAGS.wait) for count in FLAGS.processes if count > 1]
    for rows in (speeds, kills):
        if rows:
            print(tabulate(rows, headers="keys", floatfmt=".1f"), end="\n\n")
    ratios = {
        f"points per second: {each['processes']}/{speeds[0]['processes']} processes": round(
            each["points per second"] / speeds[0]["points per second"], 3
        )
        for each in speeds[1:]
    }
    print(json.dumps({"throughput": speeds, "killed": kills, "ratios": ratios}))


def throughput(count: int, given: Sequence[str]) -> dict[str, float]:
    """Returns the points per second of a training by that number of processes, from the median of its steps.

    Args:
      count: the number of processes.
      given: the flags of mach-train, but for the model directory and the strategy.
    """
    with tempfile.TemporaryDirectory() as directory:
        for process in _start(count, given, directory):
            if process.wait():
                raise RuntimeError(_said(directory, 0))
        (steps,) = read_steps(os.path.join(directory, "model"))
        seconds = float(np.median(steps.seconds))
        return {"processes": count, "ms per step": 1000 * seconds, "points per second": steps.batch_size / seconds}


def killed(count: int, given: Sequence[str], most_seconds: float) -> dict[str, Any]:
    """Kills the last of the processes while they train; returns how soon the others ended, and the last line that the first one wrote.

    Args:
      count: the number of processes, at least 2.
      given: as for `throughput`; the training must last some seconds.
      most_seconds: how long to wait for the others.
    """
    with tempfile.TemporaryDirectory() as directory:
        processes = _start(count, given, directory)
        try:
            curves = os.path.join(glob.escape(directory), "model", "tensorboard", "*", "events.*")
            while not glob.glob(curves):
                if any(process.poll() is not None for process in processes):
                    raise RuntimeError(_said(directory, 0))
                time.sleep(_POLL_SECONDS)
            processes[-1].kill()
            begin = time.monotonic()
            while any(process.poll() is None for process in processes) and time.monotonic() < begin + most_seconds:
                time.sleep(_POLL_SECONDS)
            seconds = time.monotonic() - begin
            ended = sum(process.poll() is not None for process in processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        return {"processes": count, "ended": ended, "seconds": seconds, "said": _said(directory, 0)}


def _start(count: int, given: Sequence[str], directory: str) -> list[subprocess.Popen[bytes]]:
    """Starts the processes, each of which writes what it says to a file in the directory."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    for listener in listeners:
        listener.close()
    strategy = "multiworker" if count > 1 else "one_device"
    model_dir = os.path.join(directory, "model")
    command = [sys.executable, "-m", "train.main", *given, f"--model_dir={model_dir}", f"--strategy={strategy}"]
    processes = []
    for index in range(count):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        with open(os.path.join(directory, f"{index}.log"), "wb") as log:
            environment = {**os.environ, "TF_CONFIG": json.dumps(cluster)}
            processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log))
    return processes


def _said(directory: str, index: int) -> str:
    """Returns the last line that a process wrote to its standard error stream."""
    with open(os.path.join(directory, f"{index}.log"), encoding="utf-8", errors="replace") as log:
        return (log.read().splitlines() or [""])[-1]


if __name__ == "__main__":
    program.run(main)
