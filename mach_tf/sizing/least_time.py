"""The least time that a training takes, to tell a slip in a number from a plan: it is refused before it begins."""

from __future__ import annotations

import math

from mach_tf.errors import InputError
from mach_tf.sizing import training_time
from mach_tf.sizing.machine import Machine
from mach_tf.sizing.memory_plan import Shapes
from mach_tf.training_config import TrainingConfig

_DAY = 24 * 3600.0
_MOST_DAYS = 31
# The rates of one fast accelerator, and the overhead of a step of the smallest data: no machine of today is faster.
_FAST = Machine(memory=0, flops=1e14, bandwidth=3e12)  # no time depends on memory
_STEP_SECONDS = 5e-4


def least_seconds(config: TrainingConfig, shapes: Shapes, points: int, repetitions: int, groups: int) -> float:
    """Returns a lower bound of the time of a training.

    Args:
      config: the training settings.
      shapes: the sizes of the data and of the bucket table.
      points: the number of training points.
      repetitions: the number of repetitions to train.
      groups: the number of groups that they are trained in.
    """
    steps = config.epochs * math.ceil(points / config.batch_size)
    step = training_time.step_seconds(config, shapes, _FAST)
    return steps * (repetitions * step / shapes.replicas + groups * _STEP_SECONDS)


def check_time(seconds: float) -> None:
    """Raises InputError if a training takes more than a month even on a fast machine.

    Args:
      seconds: what `least_seconds` returned.
    """
    days = seconds / _DAY
    if days > _MOST_DAYS:
        raise InputError(
            f"Training must take at most {_MOST_DAYS} days, but this one takes at least {days:,.0f} days even on a fast machine. "
            "Lower epochs, repetitions or hidden_units, or give force=True to begin all the same."
        )
