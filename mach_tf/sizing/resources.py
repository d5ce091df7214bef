"""Checks that this machine has the memory and the disk for a run, and how many repetitions fit side by side."""

from __future__ import annotations

import dataclasses
import operator
import os
import shutil
from typing import Union

from tabulate import tabulate

from mach_tf.choices import AUTO
from mach_tf.errors import InputError
from mach_tf.memory import available_memory
from mach_tf.sizing.memory_plan import MemoryPlan, Shapes, largest_group, plan
from mach_tf.training_config import TrainingConfig

# Wider groups do not share the reading of a batch any better, and the rows that they touch no longer fit in the cache.
_WIDEST_GROUP = 8192
# The share of the free memory that a run may use; the rest is for other processes and for what the estimate leaves out.
_USABLE = 0.85


@dataclasses.dataclass(frozen=True)
class ResourcePlan:
    """The memory and the disk that a run needs.

    Attributes:
      memory: the estimate for the largest group.
      group_size: the number of repetitions in it.
      repetitions: the number of repetitions that are left to train.
    """

    memory: MemoryPlan
    group_size: int
    repetitions: int

    def table(self) -> str:
        """Returns the estimate as a table."""
        rows = [
            ("weights", self.memory.weights),
            ("bucket tables", self.memory.tables),
            ("optimizer's moments", self.memory.slots),
            ("gradients", self.memory.gradients),
            ("batch", self.memory.batch),
            ("total memory, with the process", self.memory.total),
            ("on disk: one checkpoint", self.memory.checkpoint),
            (f"on disk: {_repetitions(self.repetitions)}", self.repetitions * self.memory.exported),
        ]
        headers = (f"{_repetitions(self.group_size)} side by side", "estimate")
        return tabulate([(name, _size(value)) for name, value in rows], headers=headers, colalign=("left", "right"))


def parse_group_size(value: Union[int, str]) -> Union[int, str]:
    """Returns "auto" or the number of repetitions that a value stands for.

    Args:
      value: "auto", or a number of repetitions as an integer or as text.

    Raises:
      InputError: the value is neither.
    """
    if value == AUTO:
        return AUTO
    try:
        size = int(value) if isinstance(value, str) and value.isdecimal() else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        size = 0
    if size < 1:
        raise InputError(f"group_size must be auto or a number of repetitions, at least 1 (got {value!r}).")
    return size


def group_size(asked: Union[int, str], config: TrainingConfig, shapes: Shapes, pending: int) -> int:
    """Returns how many repetitions to train side by side.

    Args:
      asked: "auto" or a number of repetitions.
      config: the training settings.
      shapes: the sizes of the data and of the bucket table.
      pending: the number of repetitions left to train, at least 1.

    Raises:
      InputError: `asked` is not a size, or is more than the memory holds.
    """
    asked = parse_group_size(asked)
    available = int(available_memory() * _USABLE)
    if isinstance(asked, int):
        size = min(asked, pending)
    else:
        widest = min(pending, max(1, _WIDEST_GROUP // config.hidden_units))
        # Where not even one fits, the check below says what one would need.
        size = largest_group(config, shapes, widest, available) or 1
    advice = (
        f"Lower group_size, hidden_units or buckets, preprocess with a smaller feature_hash_dim{_fewer_moments(config)}"
    )
    check_memory(config, shapes, size, advice)
    return size


def check_memory(config: TrainingConfig, shapes: Shapes, size: int, advice: str) -> None:
    """Checks that the memory holds `size` repetitions in training side by side.

    Raises:
      InputError: it does not; the message ends with the advice.
    """
    needed, available = plan(config, shapes, size), int(available_memory() * _USABLE)
    if needed.total > available:
        raise InputError(
            f"Training {_repetitions(size)} side by side needs about {_size(needed.total)}, of which weights and the "
            f"optimizer's moments take {_size(needed.weights + needed.slots)}; {_size(available)} may be used here. "
            f"{advice}, or use a machine with more memory."
        )


def _fewer_moments(config: TrainingConfig) -> str:
    return (
        ""
        if config.optimizer == "rowwise"
        else ", give optimizer=rowwise, which needs about a third of the memory for W1"
    )


def check_disk(model_dir: str, needed: MemoryPlan, pending: int) -> None:
    """Checks that the disk holds the SavedModels to come and two checkpoints; `model_dir` need not exist.

    Raises:
      InputError: it does not.
    """
    bytes_needed = 2 * needed.checkpoint + pending * needed.exported
    existing = os.path.abspath(model_dir)
    while not os.path.isdir(existing):
        existing = os.path.dirname(existing)
    free = shutil.disk_usage(existing).free
    if bytes_needed > free:
        raise InputError(
            f"{model_dir}: training writes up to {_size(bytes_needed)} (two checkpoints of {_size(needed.checkpoint)} and "
            f"{pending} repetitions of {_size(needed.exported)}), but the disk has {_size(free)} free. Make room or give another "
            "model_dir; with force=True it begins all the same."
        )


def _repetitions(number: int) -> str:
    return f"{number} repetition{'' if number == 1 else 's'}"


def _size(value: int) -> str:
    return f"{value / 1e9:.2f} GB" if value >= 1e8 else f"{value / 1e6:.1f} MB"
