"""The options of a training run that do not change the weights: devices, groups, checkpoints, validation."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any, Optional, Union

from mach_tf import arguments
from mach_tf.choices import STRATEGIES
from mach_tf.errors import InputError
from mach_tf.hashing import MAX_ID
from mach_tf.manifest import ModelManifest
from mach_tf.sizing.resources import AUTO, parse_group_size

DEFAULT_WORKER_TIMEOUT = 1800.0
# A year, in minutes.
_LONGEST = 365 * 24 * 60


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Options of a run. Runs that differ only in these train the same weights, but for the rounding of sums.

    Attributes:
      strategy: "mirrored" trains on all visible devices, "one_device" on the first, "multiworker" on those of the processes
        that TF_CONFIG names, which share the dataset and the model directory.
      group_size: the number of repetitions trained side by side in one step, or "auto" for as many as the memory holds.
      repetition_range: (first, end), the repetitions to train, without `end`; None trains all.
      checkpoint_minutes: minutes between two checkpoints, in addition to those after epochs; both are saved less often if they take more
        than a fortieth of the time. 0 for the latter alone, None for no checkpoint but the one of a training that is stopped.
      validation_points: the number of points of the validation split that are measured after each epoch; 0 for none.
      curves: whether to write TensorBoard curves of every step; they take longer than a step of small data.
      worker_timeout: seconds that a worker waits for the others, with "multiworker".
      ranker: whether a ranker is to be trained after the repetitions; a run that goes on from this one trains it too.
      calibrate: whether probabilities are to be calibrated after the training; None if there are points to calibrate on. A run that goes on
        from this one does so too.
      force: whether to begin a training that takes more than a month, or more disk than is free.
    """

    strategy: str = "mirrored"
    group_size: Union[int, str] = AUTO
    repetition_range: Optional[tuple[int, int]] = None
    checkpoint_minutes: Optional[float] = 10.0
    validation_points: int = 2000
    curves: bool = True
    worker_timeout: float = DEFAULT_WORKER_TIMEOUT
    ranker: bool = False
    calibrate: Optional[bool] = None
    force: bool = False

    def __post_init__(self) -> None:
        arguments.choice(self.strategy, "strategy", STRATEGIES)
        object.__setattr__(self, "group_size", parse_group_size(self.group_size))
        if self.checkpoint_minutes is not None:
            minutes = arguments.finite_number(self.checkpoint_minutes, "checkpoint_minutes", 0, _LONGEST)
            object.__setattr__(self, "checkpoint_minutes", minutes)
        points = arguments.whole_number(self.validation_points, "validation_points", 0, MAX_ID)
        object.__setattr__(self, "validation_points", points)
        for name in ("curves", "ranker", "force"):
            object.__setattr__(self, name, arguments.switch(getattr(self, name), name))
        if self.calibrate is not None:
            object.__setattr__(self, "calibrate", arguments.switch(self.calibrate, "calibrate"))
        seconds = arguments.finite_number(self.worker_timeout, "worker_timeout", 0.001, 60 * _LONGEST)
        object.__setattr__(self, "worker_timeout", seconds)
        if self.repetition_range is not None:
            ends = self.repetition_range
            if not (
                isinstance(ends, (tuple, list))
                and len(ends) == 2
                and all(isinstance(n, numbers.Integral) for n in ends)
            ):
                raise InputError(f"repetition_range must be a pair of integers, (first, end) (got {ends!r}).")
            object.__setattr__(self, "repetition_range", (int(ends[0]), int(ends[1])))

    def recorded(self) -> dict[str, Any]:
        """Returns the options as model.json records them, by the names of train.main's flags and as its flags hold them."""
        options = dataclasses.asdict(self)
        for name in ("curves", "worker_timeout", "force"):  # not recorded: they change no weights
            del options[name]
        options["group_size"] = str(self.group_size)
        if self.repetition_range is not None:
            options["repetition_range"] = "{}:{}".format(*self.repetition_range)
        return options


def wants_ranker(model: ModelManifest) -> bool:
    """Returns whether a model has a ranker, or is to get one by the options of its first run."""
    return bool(model.ranker_sha256) or model.run.get("ranker") is True


def wants_calibration(model: ModelManifest) -> bool:
    """Returns whether a model is calibrated, or is to be by the options of its first run."""
    return model.calibration is not None or model.run.get("calibrate", False) is not False
