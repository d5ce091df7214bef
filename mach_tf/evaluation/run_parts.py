"""The finished parts of a long run, a certification or attacks, on disk: an interrupted run continues where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

import numpy as np

from mach_tf import array_files, files, locks
from mach_tf.errors import InputError
from mach_tf.points import Points
from mach_tf.unfinished_run import REMEDY, UnfinishedRun


class RunParts:
    """Arrays by name, each computed once for a run.

    Attributes:
      directory: where they are kept; None keeps nothing.
      kind: what the names of the files begin with.
    """

    def __init__(self, directory: Optional[str] = None, kind: str = ""):
        self.directory = directory
        self.kind = kind

    def kept(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Returns the arrays of an earlier run, or computes and keeps them.

        Args:
          name: what they are, in lower-case letters, digits and hyphens.
          compute: returns the arrays.

        Raises:
          InputError: a damaged file.
        """
        if self.directory is None:
            return compute()
        path = os.path.join(self.directory, f"{self.kind}-part-{name}.npz")
        if os.path.exists(path):
            return array_files.read_archive(path, REMEDY)
        arrays: dict[str, Any] = compute()
        with files.atomic_write(path) as file:
            np.savez(file, **arrays)
        return arrays

    def clear(self) -> None:
        """Removes the parts, and the description of the run last; call it when the results are written."""
        if self.directory is not None:
            _unfinished_run(self.directory, self.kind).clear()


@contextlib.contextmanager
def run_parts(directory: Optional[str], kind: str, run: Callable[[], dict[str, Any]]) -> Iterator[RunParts]:
    """Opens the parts of a run, and removes them at the end of a `with` block that raises nothing.

    Args:
      directory: where to keep parts, created if missing; None keeps nothing.
      kind: what the names of the files begin with, such as "certificates"; messages call the run by it.
      run: returns everything that the results depend on, as plain values.

    Raises:
      InputError: the directory holds an unfinished run that is another, or another process has it.
    """
    if directory is None:
        yield RunParts()
        return
    os.makedirs(directory, exist_ok=True)
    with locks.exclusive(os.path.join(directory, f".{kind}.lock")):
        _check_same_run(directory, kind, json.loads(json.dumps(run())))
        parts = RunParts(directory, kind)
        yield parts
        parts.clear()


def _unfinished_run(directory: str, kind: str) -> UnfinishedRun:
    part = re.compile(rf"{re.escape(kind)}-part-.*\.npz", re.DOTALL)
    return UnfinishedRun(directory, part, f"{kind}-run.json")


def _check_same_run(directory: str, kind: str, run: dict[str, Any]) -> None:
    """Writes what the run is, or raises InputError if the directory holds parts of a different one."""
    unfinished = _unfinished_run(directory, kind)
    if unfinished.is_of(run, "unfinished run"):
        return
    if unfinished.parts():
        raise InputError(
            f"{directory} holds unfinished {kind} of another model, of other points or with other settings. Repeat its settings "
            f"to continue it, choose another output_dir, or remove {unfinished.path} and the parts to start again."
        )
    files.write_json(unfinished.path, run)  # the other run finished no part


def content_hash(points: Points) -> str:
    """Returns the SHA-256 of points, which tells runs on different points apart."""
    content = hashlib.sha256()
    for field in dataclasses.fields(points):
        content.update(np.ascontiguousarray(getattr(points, field.name)).tobytes())
    return content.hexdigest()
