"""Checkpoints of a group in training: each is complete or absent, names its training and position, and replaces the one before."""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from mach_tf import array_files, files, staging
from mach_tf.errors import InputError
from mach_tf.manifest import repetition_directory
from mach_tf.sealed_json import seal, without_checksum
from mach_tf.variable_rows import blocks, copies, gather_rows, primary, update_rows

CHECKPOINTS_DIRECTORY = "checkpoints"
_STATE_FILE = "state.json"
_VARIABLE_FILE = "variable-{:02d}.npy"
_CHECKPOINT_NAME = "epoch-{:04d}-step-{:08d}"
_GROUP_NAME = "repetitions-{:03d}"
# Bytes per second that a slow disk writes.
_RATE = 2e8


class Position(NamedTuple):
    """The position in the training at which a checkpoint was taken.

    Attributes:
      epoch: the number of the epoch, from 0.
      step: the number of steps done in that epoch.
    """

    epoch: int
    step: int


class GroupCheckpoints:
    """The checkpoints of one group of repetitions, in a directory of their own.

    Attributes:
      repetitions: the numbers of the group's repetitions.
      directory: where the checkpoints are.
    """

    def __init__(self, model_dir: str, repetitions: tuple[int, ...], origins: Sequence[str], steps_per_epoch: int):
        """Names the group; nothing is read or written.

        Args:
          model_dir: the model directory.
          repetitions: the numbers of the group's repetitions, ascending.
          origins: `ModelManifest.origin` of each repetition; a checkpoint of other origins is refused.
          steps_per_epoch: the number of steps of an epoch, by which a position is counted in steps.
        """
        self.repetitions = repetitions
        self.directory = os.path.join(model_dir, CHECKPOINTS_DIRECTORY, _GROUP_NAME.format(repetitions[0]))
        self._origins, self._steps_per_epoch = list(origins), steps_per_epoch

    def save(self, model: tf.keras.Model, position: Position) -> None:
        """Writes weights, optimizer slots and position, then removes the checkpoint before.

        Raises:
          InputError: the checkpoint cannot be written, most often because the disk is full.
        """
        path = os.path.join(self.directory, _CHECKPOINT_NAME.format(*position))
        if os.path.isdir(path):
            return
        os.makedirs(self.directory, exist_ok=True)
        with staging.staged(path) as temporary:
            try:
                checksums = [
                    _write(os.path.join(temporary, _VARIABLE_FILE.format(number)), variable)
                    for number, variable in enumerate(state_variables(model))
                ]
            except OSError as error:
                raise InputError(
                    f"{path}: a checkpoint must fit on the disk, but writing it failed ({error}). Make room; the same command "
                    "goes on from the previous checkpoint."
                ) from None
            state = {
                "repetitions": list(self.repetitions),
                **position._asdict(),
                "origins": self._origins,
                "checksums": checksums,
            }
            write_state(temporary, state)
        for other in _whole(self.directory):
            if other != path:
                _discard(other)

    def restore(self, model: tf.keras.Model) -> Optional[Position]:
        """Loads the last checkpoint into a compiled model.

        Returns:
          The position of the checkpoint; None, with the model unchanged, if there is no checkpoint.

        Raises:
          InputError: the checkpoint is damaged, or belongs to another training.
        """
        saved = _whole(self.directory)
        if not saved:
            return None
        state, remedy = _read_state(saved[-1]), f"remove {saved[-1]} to train this group from its beginning"
        if state["origins"] != self._origins or tuple(state["repetitions"]) != self.repetitions:
            raise InputError(
                f"{saved[-1]} must be a checkpoint of this training, but its repetitions, settings or data are others. It was "
                f"copied here, or model.json was replaced: put back what belongs to it, or {remedy}."
            )
        for number, variable in enumerate(state_variables(model)):
            path = os.path.join(saved[-1], _VARIABLE_FILE.format(number))
            try:
                _read(path, variable, state["checksums"][number])
            except array_files.DAMAGE as error:
                raise InputError(f"{path} is damaged and cannot be read ({error}); {remedy}.") from None
        position = Position(state["epoch"], state["step"])
        steps, done = int(model.optimizer.iterations.numpy()), position.epoch * self._steps_per_epoch + position.step
        if steps != done:
            raise InputError(
                f"{saved[-1]} must hold the state after {done} steps, as its position says (got the state after {steps}); "
                f"{remedy}."
            )
        return position

    def remove(self) -> None:
        """Removes all checkpoints, of a group whose repetitions are exported."""
        _remove(self.directory)

    def remove_temporaries(self) -> None:
        """Removes what a killed process left half-written or half-removed."""
        staging.remove_leftovers(self.directory)


def unfinished_groups(model_dir: str) -> list[tuple[int, ...]]:
    """Returns the groups that have a checkpoint."""
    return sorted(group for group in map(_group, _group_directories(model_dir)) if group)


def positions(model_dir: str) -> list[str]:
    """Returns the paths of the groups' last checkpoints within the model directory, which name group and position."""
    last = [paths[-1] for paths in map(_whole, _group_directories(model_dir)) if paths]
    return [os.path.relpath(path, model_dir) for path in last]


def remove_finished(model_dir: str) -> None:
    """Removes the checkpoints of exported groups, which remain if a process was killed between export and removal."""
    for directory in _group_directories(model_dir):
        group = _group(directory) or (int(directory.rpartition("-")[2]),)
        if all(os.path.isdir(repetition_directory(model_dir, repetition)) for repetition in group):
            _remove(directory)


def _group_directories(model_dir: str) -> list[str]:
    return _matching(os.path.join(model_dir, CHECKPOINTS_DIRECTORY), r"repetitions-\d+")


def _whole(directory: str) -> list[str]:
    """Returns the paths of a group's whole checkpoints, oldest first."""
    return _matching(directory, r"epoch-\d+-step-\d+")


def _matching(parent: str, pattern: str) -> list[str]:
    """Returns the sorted paths of the directories in `parent` whose whole name matches; none if `parent` does not exist."""
    if not os.path.isdir(parent):
        return []
    return sorted(e.path for e in os.scandir(parent) if e.is_dir() and re.fullmatch(pattern, e.name))


def _group(directory: str) -> Optional[tuple[int, ...]]:
    """Returns the repetitions of the last whole checkpoint; None if there is no checkpoint."""
    while paths := _whole(directory):
        try:
            return tuple(_read_state(paths[-1])["repetitions"])
        except InputError:
            if os.path.isdir(paths[-1]):
                raise
            # The process that trains this group has just replaced it.
    return None


def _remove(directory: str) -> None:
    """Removes a group's checkpoints. If the process is killed meanwhile, no checkpoint that counts as whole lacks files.

    What is not of a checkpoint stays, and the directory with it.
    """
    for path in _whole(directory):
        _discard(path)
    staging.remove_leftovers(directory)
    with contextlib.suppress(OSError):
        os.rmdir(directory)


def _discard(checkpoint: str) -> None:
    """Removes a checkpoint; a directory that only has the name of one stays."""
    if os.path.isfile(os.path.join(checkpoint, _STATE_FILE)):
        staging.discard(checkpoint)


def state_variables(model: tf.keras.Model) -> list[tf.Variable]:
    """Returns weights, moments and the number of steps done, in an order that does not change."""
    return [*model.trainable_variables, *model.moments, model.optimizer.iterations]


def expected_seconds(model: tf.keras.Model) -> float:
    """Returns how long saving may take, before it was ever measured."""
    return sum(variable.dtype.size * variable.shape.num_elements() for variable in state_variables(model)) / _RATE


def _write(path: str, variable: tf.Variable) -> int:
    """Writes a variable as .npy, block by block, and returns the CRC-32 of its values."""
    variable = primary(variable)
    if not variable.shape.rank:
        parts = iter([variable.numpy()])
    else:
        parts = (gather_rows(variable, tf.range(*ends)).numpy() for ends in blocks(variable))
    header = {
        "descr": np.dtype(variable.dtype.as_numpy_dtype).str,
        "fortran_order": False,
        "shape": tuple(variable.shape),
    }
    checksum = 0
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            content = np.ascontiguousarray(part).data
            checksum = zlib.crc32(content, checksum)
            file.write(content)
    return checksum


def _read(path: str, variable: tf.Variable, checksum: int) -> None:
    """Loads an .npy file into a variable, block by block; ValueError says what is wrong with the file."""
    with open(path, "rb") as file:
        np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0(file)
        expected = (tuple(variable.shape), False, np.dtype(variable.dtype.as_numpy_dtype))
        if header != expected:
            raise ValueError(f"its shape, order and type are {header}, not {expected}")
        found = 0
        for begin, end in blocks(variable):
            shape = (end - begin, *variable.shape[1:])
            block = np.fromfile(file, header[2], int(np.prod(shape))).reshape(shape)
            found = zlib.crc32(block.data, found)
            if variable.shape.rank:
                for copy in copies(variable):
                    update_rows(copy, tf.range(begin, end), tf.constant(block))
            else:
                variable.assign(block[0])
        if found != checksum or file.read(1):
            raise ValueError("its checksum is wrong")


def write_state(path: str, state: dict[str, Any]) -> None:
    """Writes what a checkpoint holds besides its variables: repetitions, their origins, epoch, step and checksums of the variables.

    Args:
      path: the checkpoint's directory.
      state: the values by name; a checksum over all of them is added.
    """
    files.write_json(os.path.join(path, _STATE_FILE), seal(state))


def _read_state(path: str) -> dict[str, Any]:
    """Returns what `write_state` wrote; InputError if it was altered or the directory was renamed."""
    sealed = files.read_json(os.path.join(path, _STATE_FILE), "checkpoint of mach_tf; remove that directory")
    state = without_checksum(sealed)
    if sealed == seal(state):
        names = _GROUP_NAME.format(state["repetitions"][0]), _CHECKPOINT_NAME.format(state["epoch"], state["step"])
        if names == (os.path.basename(os.path.dirname(path)), os.path.basename(path)):
            return state
    raise InputError(
        f"{path} must be as training wrote it, but its name or {_STATE_FILE} was altered, or an earlier version of mach_tf wrote "
        "it; remove it to train its group from the beginning."
    )
