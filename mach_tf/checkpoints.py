"""Checkpoints of a group in training: whole or absent, with the position in the data, the last one kept."""

from __future__ import annotations

import glob
import os
import shutil
from typing import NamedTuple, Optional

import tensorflow as tf

from mach_tf import files
from mach_tf.errors import InputError

CHECKPOINTS_DIRECTORY = "checkpoints"
_STATE_FILE = "state.json"
_VALUES = "values"


class Position(NamedTuple):
    """Where in the training a checkpoint was taken.

    Attributes:
      epoch: from 0.
      step: steps done in that epoch.
    """

    epoch: int
    step: int


class GroupCheckpoints:
    """The checkpoints of one group of repetitions, in a directory of their own."""

    def __init__(self, model_dir: str, repetitions: tuple[int, ...]):
        self.repetitions = repetitions
        self.directory = os.path.join(model_dir, CHECKPOINTS_DIRECTORY, f"repetitions-{repetitions[0]:03d}")

    def save(self, model: tf.keras.Model, position: Position) -> None:
        """Writes weights, optimizer slots and position, then removes what was there before.

        Raises:
          InputError: TensorFlow cannot write; most often the disk is full.
        """
        path = os.path.join(self.directory, f"epoch-{position.epoch:04d}-step-{position.step:08d}")
        if os.path.isdir(path):
            return
        os.makedirs(self.directory, exist_ok=True)
        with files.atomic_directory(path) as temporary:
            try:
                tf.train.Checkpoint(model=model).write(os.path.join(temporary, _VALUES))
            except tf.errors.OpError as error:
                raise InputError(
                    f"{path}: a checkpoint must fit on the disk, but writing it failed ({error.message.splitlines()[0]}). Make "
                    "room; the same command goes on from the checkpoint before."
                ) from None
            state = {"repetitions": list(self.repetitions), **position._asdict()}
            files.write_json(os.path.join(temporary, _STATE_FILE), state)
        for other in self._all():
            if other != path:
                shutil.rmtree(other)

    def restore(self, model: tf.keras.Model) -> Optional[Position]:
        """Gives a compiled model the last checkpoint's state; None, and the model as it is, when there is none.

        Raises:
          InputError: the checkpoint is damaged.
        """
        saved = self._all()
        if not saved:
            return None
        state = _read_state(saved[-1])
        try:
            tf.train.Checkpoint(model=model).read(os.path.join(saved[-1], _VALUES)).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
            raise InputError(
                f"{saved[-1]} must be a whole checkpoint, but cannot be read ({str(error).splitlines()[0]}); "
                "remove it to train this group from its beginning."
            ) from None
        return Position(state["epoch"], state["step"])

    def remove(self) -> None:
        """Removes them all; for a group whose repetitions are exported."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_temporaries(self) -> None:
        """Removes what a killed process left half-written."""
        for path in glob.glob(os.path.join(glob.escape(self.directory), "*.tmp")):
            shutil.rmtree(path)

    def _all(self) -> list[str]:
        """Paths of the whole checkpoints, oldest first."""
        return sorted(p for p in glob.glob(os.path.join(glob.escape(self.directory), "*")) if not p.endswith(".tmp"))


def unfinished_groups(model_dir: str) -> list[tuple[int, ...]]:
    """The groups that have a checkpoint."""
    groups = set()
    for path in glob.glob(os.path.join(glob.escape(model_dir), CHECKPOINTS_DIRECTORY, "*", "*")):
        if not path.endswith(".tmp"):
            groups.add(tuple(_read_state(path)["repetitions"]))
    return sorted(groups)


def _read_state(path: str) -> dict:
    state = files.read_json(os.path.join(path, _STATE_FILE), "checkpoint of mach_tf; remove that directory")
    numbers = [state.get("epoch"), state.get("step"), *state.get("repetitions", [None])]
    if not all(isinstance(number, int) for number in numbers):
        raise InputError(f"{path}/{_STATE_FILE} is damaged; remove {path} to train its group from the beginning.")
    return state
