"""Times a whole training, as a user waits for it, against the sum of its bare steps.

    python -m benchmarks.whole_training "--training=--dataset_dir=data/eurlex57k --preset=eurlex57k --epochs=2"

runs mach-train with these flags. The training curves that the program writes say when each step began and ended, so nothing in it is
changed to be measured. The last line is a JSON object with the seconds of each part; "ratios" holds the whole over its bare steps.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags
from tabulate import tabulate

from benchmarks.training_steps import Steps, read_steps
from mach_tf.programs import program

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "training", None, "Gives mach-train these flags; --model_dir is a temporary directory.", required=True
)


def main(_: list[str]) -> None:
    """Runs the program."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "train.main", f"--model_dir={directory}", *shlex.split(FLAGS.training)]
        begin = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        end = time.time()
        found = parts(read_steps(directory), begin, end)
    print(tabulate([(name, f"{value:.2f}") for name, value in found.items()], headers=["part", "seconds"]))
    seconds = {name: round(value, 3) for name, value in found.items()}
    print(json.dumps({"ratios": {"whole/bare steps": seconds.pop("ratio")}, "seconds": seconds}))


def parts(groups: list[Steps], begin: float, end: float) -> dict[str, float]:
    """Returns the seconds of each part of a training by name; and the seconds of the whole per second of bare steps, `ratio`.

    Args:
      groups: the steps of its groups.
      begin: when the process was started, in seconds of the system's clock.
      end: when it ended.
    """
    found = dict.fromkeys(("bare steps", "start", "tracing", "between steps", "between epochs", "export"), 0.0)
    last = begin
    for ends, seconds, per_epoch, _ in groups:
        usual = float(np.median(seconds))
        gaps = np.diff(ends) - seconds[1:]
        at_epochs = np.arange(1, len(ends)) % per_epoch == 0
        found["start" if last == begin else "export"] += ends[0] - seconds[0] - last
        found["tracing"] += seconds[0] - usual
        found["bare steps"] += usual + seconds[1:].sum()
        found["between steps"] += gaps[~at_epochs].sum()
        found["between epochs"] += gaps[at_epochs].sum()
        last = ends[-1]
    found["export"] += end - last
    return {**found, "whole": end - begin, "ratio": (end - begin) / found["bare steps"]}


if __name__ == "__main__":
    program.run(main)
