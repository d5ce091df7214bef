"""The finished parts of a certification, on disk: an interrupted run continues where it stopped."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

import numpy as np

from mach_tf import array_files, files, locks
from mach_tf.errors import InputError

_RUN_FILE = "certificates-run.json"
_PART = re.compile(r"certificates-part-[a-z0-9-]+\.npz")
_LOCK_FILE = ".certificates.lock"


class CertificationParts:
    """Arrays by name, each computed once for a run.

    Attributes:
      directory: where they are kept; None keeps nothing.
    """

    def __init__(self, directory: Optional[str] = None):
        self.directory = directory

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
        path = os.path.join(self.directory, f"certificates-part-{name}.npz")
        if os.path.exists(path):
            return array_files.read_archive(path, "Remove it; the same command then computes it again.")
        arrays: dict[str, Any] = compute()
        with files.atomic_write(path) as file:
            np.savez(file, **arrays)
        return arrays

    def clear(self) -> None:
        """Removes the parts, and the description of the run last; call it when the results are written."""
        if self.directory is None:
            return
        for name in filter(_PART.fullmatch, os.listdir(self.directory)):
            os.remove(os.path.join(self.directory, name))
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.directory, _RUN_FILE))


@contextlib.contextmanager
def certification_parts(directory: Optional[str], run: Callable[[], dict[str, Any]]) -> Iterator[CertificationParts]:
    """Opens the parts of a run, and removes them at the end of a `with` block that raises nothing.

    Args:
      directory: where to keep parts, created if missing; None keeps nothing.
      run: returns everything that the results depend on, as plain values.

    Raises:
      InputError: the directory holds an unfinished run that is another, or another process has it.
    """
    if directory is None:
        yield CertificationParts()
        return
    os.makedirs(directory, exist_ok=True)
    with locks.exclusive(os.path.join(directory, _LOCK_FILE)):
        _check_same_run(directory, json.loads(json.dumps(run())))
        parts = CertificationParts(directory)
        yield parts
        parts.clear()


def _check_same_run(directory: str, run: dict[str, Any]) -> None:
    """Writes what the run is, or raises InputError if the directory holds parts of a different one."""
    path = os.path.join(directory, _RUN_FILE)
    parts = sorted(filter(_PART.fullmatch, os.listdir(directory)))
    if not os.path.exists(path):
        if parts:
            raise InputError(
                f"{directory} holds {parts[0]}, but no {_RUN_FILE} that says what it is part of. Move it away, or choose another "
                "output_dir."
            )
        files.write_json(path, run)
    elif files.read_json(path, "unfinished certification") != run:
        if not parts:
            files.write_json(path, run)  # nothing was finished
            return
        raise InputError(
            f"{directory} holds an unfinished certification with another model, other points or other settings. Repeat its settings "
            f"to continue it, choose another output_dir, or remove {path} and the parts to start again."
        )
