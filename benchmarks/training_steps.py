"""When each step of a training began and ended, from the training curves that the program writes."""

from __future__ import annotations

import glob
import os
from typing import NamedTuple

import numpy as np

import mach_tf  # noqa: F401 (before TensorFlow)
from mach_tf.manifest import DatasetManifest, ModelManifest


class Steps(NamedTuple):
    """The steps of a group of repetitions.

    Attributes:
      ends: float64 [n], when each step ended, in seconds of the system's clock.
      seconds: float64 [n], how long each took; the first one includes the tracing.
      per_epoch: the number of steps per epoch.
      batch_size: the number of points of a step.
    """

    ends: np.ndarray
    seconds: np.ndarray
    per_epoch: int
    batch_size: int


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
        groups.append(Steps(ends, np.array(sizes) / per_second, steps, batch))
    return sorted(groups, key=lambda group: float(group.ends[0]))


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
