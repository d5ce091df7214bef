"""Whether this machine has the memory and the disk that a run will take, and how many repetitions fit side by side."""

from __future__ import annotations

import os
import shutil

from tabulate import tabulate

from mach_tf.errors import InputError
from mach_tf.memory import available_memory
from mach_tf.sizing.memory_plan import MemoryPlan, Shapes, largest_group, plan
from mach_tf.training_config import TrainingConfig

# Wider groups share the batch's reading no better, and their touched rows leave the cache.
_WIDEST_GROUP = 8192
# Of the memory that is free at the start; the rest is for others and for what the plan rounds off.
_USABLE = 0.85


def group_size(flag: str, config: TrainingConfig, shapes: Shapes, pending: int) -> int:
    """Repetitions trained side by side.

    Args:
      flag: "auto" or a number.
      config: the training settings.
      shapes: the data's.
      pending: number of repetitions left to train, at least 1.

    Raises:
      InputError: not a size, or more than the memory holds.
    """
    available = int(available_memory() * _USABLE)
    if flag == "auto":
        size = largest_group(config, shapes, min(pending, max(1, _WIDEST_GROUP // config.hidden_units)), available)
        asked = 1
    else:
        asked = int(flag) if flag.isdecimal() else 0
        if asked < 1:
            raise InputError(f"--group_size must be auto or a number of repetitions, at least 1 (got {flag!r}).")
        size = min(asked, pending)
    advice = "Lower --group_size, --hidden_units or --buckets, preprocess with a smaller --feature_hash_dim"
    check_memory(config, shapes, size or asked, advice)
    return size


def check_memory(config: TrainingConfig, shapes: Shapes, size: int, advice: str) -> None:
    """Raises InputError, with the advice, unless the memory holds so many repetitions in training side by side."""
    needed, available = plan(config, shapes, size), int(available_memory() * _USABLE)
    if needed.total > available:
        raise InputError(
            f"Training {size} repetition(s) side by side needs about {_size(needed.total)}, of which weights and the "
            f"optimizer's moments take {_size(needed.weights + needed.slots)}; {_size(available)} may be used here. "
            f"{advice}, or take a larger machine."
        )


def check_disk(model_dir: str, needed: MemoryPlan, pending: int) -> None:
    """Raises InputError unless the disk holds the SavedModels to come and two checkpoints; model_dir need not exist."""
    bytes_needed = 2 * needed.checkpoint + pending * needed.exported
    there = os.path.abspath(model_dir)
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    free = shutil.disk_usage(there).free
    if bytes_needed > free:
        raise InputError(
            f"{model_dir}: training writes up to {_size(bytes_needed)} (two checkpoints of {_size(needed.checkpoint)} and "
            f"{pending} repetitions of {_size(needed.exported)}), the disk has {_size(free)} free. Make room or give another "
            "--model_dir."
        )


def table(needed: MemoryPlan, size: int, pending: int) -> str:
    """What a run takes, for people."""
    rows = [
        ("weights", needed.weights),
        ("optimizer's moments", needed.slots),
        ("gradients", needed.gradients),
        ("batch", needed.batch),
        ("in all, with the process", needed.total),
        ("on disk: checkpoint", needed.checkpoint),
        (f"on disk: {pending} repetitions", pending * needed.exported),
    ]
    headers = (f"for {size} repetition(s) side by side", "about")
    return tabulate([(name, _size(value)) for name, value in rows], headers=headers, colalign=("left", "right"))


def _size(value: int) -> str:
    return f"{value / 1e9:.2f} GB" if value >= 1e8 else f"{value / 1e6:.1f} MB"
