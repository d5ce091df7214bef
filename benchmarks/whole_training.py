"""Times a whole training, as a user waits for it, against the sum of its bare steps.

    python -m benchmarks.whole_training "--training=--dataset_dir=data/eurlex57k --preset=eurlex57k --epochs=2"

runs mach-train with these flags. The training curves that the program writes say when each step began and ended, so nothing in it is
changed to be measured.
"""

from __future__ import annotations

import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np
from absl import app, flags
from tabulate import tabulate

import mach_tf  # noqa: F401 (before TensorFlow)
from mach_tf.manifest import DatasetManifest, ModelManifest

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "training", None, "Gives mach-train these flags; --model_dir is a temporary directory.", required=True
)


class Steps(NamedTuple):
    """The steps of a group of repetitions.

    Attributes:
      ends: float64 [n], when each step ended, in seconds of the system's clock.
      seconds: float64 [n], how long each took; the first one includes the tracing.
      per_epoch: the number of steps per epoch.
    """

    ends: np.ndarray
    seconds: np.ndarray
    per_epoch: int


def main(_: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "train.main", f"--model_dir={directory}", *shlex.split(FLAGS.training)]
        begin = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        end = time.time()
        found = parts(read_steps(directory), begin, end)
    print(tabulate([(name, f"{value:.2f}") for name, value in found.items()], headers=["part", "seconds"]))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


def read_steps(model_dir: str) -> list[Steps]:
    """Returns the steps of each group of a training, in the order in which they were trained, from its curves."""
    model = ModelManifest.read(model_dir)
    split = DatasetManifest.read(model.run["dataset_dir"]).split("train")
    batch = model.training.batch_size
    steps = -(-split.points // batch)
    groups = []
    for directory in glob.glob(os.path.join(glob.escape(model_dir), "tensorboard", "repetitions-*")):
        rates = _points_per_second(directory)
        sizes = [min(batch, split.points - (step - 1) % steps * batch) for step in sorted(rates)]
        ends, per_second = np.array([rates[step] for step in sorted(rates)]).T
        groups.append(Steps(ends, np.array(sizes) / per_second, steps))
    return sorted(groups, key=lambda group: float(group.ends[0]))


def parts(groups: list[Steps], begin: float, end: float) -> dict[str, float]:
    """Returns the seconds of each part of a training by name; and the seconds of the whole per second of bare steps, `ratio`.

    Args:
      groups: the steps of its groups.
      begin: when the process was started, in seconds of the system's clock.
      end: when it ended.
    """
    found = dict.fromkeys(("bare steps", "start", "tracing", "between steps", "between epochs", "export"), 0.0)
    last = begin
    for ends, seconds, per_epoch in groups:
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


def _points_per_second(directory: str) -> dict[int, tuple[float, float]]:
    """Returns when each step ended and its points per second, by its number."""
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(directory), "events.*"))):
        for event in EventFileLoader(path).Load():
            for value in event.summary.value:
                if value.tag == "points_per_second":
                    found[event.step] = event.wall_time, float(tf.make_ndarray(value.tensor))
    return found


if __name__ == "__main__":
    app.run(main)
