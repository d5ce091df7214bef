"""The finished parts of a long run on disk: an interrupted run continues where it stopped, and several processes share one run."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional

import numpy as np

from mach_tf import array_files, files, locks
from mach_tf.errors import InputError
from mach_tf.point_range import PointRange
from mach_tf.points import Points
from mach_tf.progress_bars import Bar
from mach_tf.unfinished_run import REMEDY, UnfinishedRun

# The array of a part that says what run it is of.
_RUN = "run"

Arrays = dict[str, np.ndarray]


class RunParts:
    """Arrays by name, each computed once for a run.

    Attributes:
      directory: where they are kept; None keeps nothing.
      kind: what the names of the files begin with.
      run: everything that the arrays depend on, as JSON holds it.
      point_range: the blocks of points that this process computes; None for all.
      finished: the number of parts that `kept` has returned.
    """

    def __init__(
        self,
        directory: Optional[str] = None,
        kind: str = "",
        run: Optional[dict[str, Any]] = None,
        point_range: Optional[PointRange] = None,
    ):
        self.directory = directory
        self.kind = kind
        self.run = run or {}
        self.point_range = point_range
        self.finished = 0

    def kept(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the arrays of an earlier run or of another process, or computes and keeps them.

        Args:
          name: what they are, in lower-case letters, digits and hyphens.
          compute: returns the arrays.

        Raises:
          InputError: a damaged file, or one of another run.
        """
        arrays = self._read_or_compute(name, compute)
        self.finished += 1
        return arrays

    def _read_or_compute(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        if self.directory is None:
            return compute()
        path = self.path(name)
        if os.path.exists(path):
            return self._read(path)
        arrays: dict[str, Any] = compute()
        named: dict[str, Any] = {**arrays, _RUN: np.frombuffer(json.dumps(self.run).encode(), np.uint8)}
        with files.atomic_write(path) as file:
            np.savez(file, **named)
        return arrays

    def path(self, name: str) -> str:
        """Returns the path of a part."""
        return os.path.join(self.directory or "", f"{self.kind}-part-{name}.npz")

    def mine(self, blocks: Sequence[range]) -> list[range]:
        """Returns the blocks of points that this process computes, of all blocks of a run in order."""
        return list(blocks) if self.point_range is None else self.point_range.among(blocks)

    def of_blocks(
        self, prefix: str, points: int, size: int, title: str, compute: Callable[[range, Bar], Arrays]
    ) -> list[Arrays]:
        """Returns the arrays of the blocks that this process computes; progress goes to stderr.

        Args:
          prefix: what the names of the parts begin with, before the numbers of their points.
          points: the number of all points of the run.
          size: the number of points of a block; the last one may have fewer.
          title: what is done, for the progress bar.
          compute: returns the arrays of the points of a block, and may update the bar by each.
        """
        every = [range(begin, min(begin + size, points)) for begin in range(0, points, size)]
        blocks, found, done = self.mine(every), [], 0
        with Bar(title, sum(map(len, blocks)), "point") as bar:
            for rows in blocks:
                found.append(self.kept(f"{prefix}{rows.start}-{rows.stop}", lambda rows=rows: compute(rows, bar)))  # type: ignore[misc]
                done += len(rows)
                bar.update(done - bar.count)
        return found

    def clear(self) -> None:
        """Removes the parts, and the description of the run last; call it when the results are written."""
        if self.directory is not None:
            _unfinished_run(self.directory, self.kind).clear()

    def _read(self, path: str) -> Arrays:
        arrays = array_files.read_archive(path, REMEDY)
        try:
            run = json.loads(arrays.pop(_RUN).tobytes())
        except (KeyError, ValueError):
            raise InputError(f"{path} must say what run it is a part of. {REMEDY}") from None
        if run != self.run:
            raise InputError(
                f"{path} is a part of another run: these differ: {_differing(run, self.run)}. Remove it if it does not belong here, or "
                "repeat the settings that it was computed with."
            )
        return arrays


@contextlib.contextmanager
def run_parts(
    directory: Optional[str],
    kind: str,
    run: Callable[[], dict[str, Any]],
    point_range: Optional[PointRange] = None,
    title: str = "",
) -> Iterator[RunParts]:
    """Opens the parts of a run, and removes them at the end of a `with` block that raises nothing.

    Args:
      directory: where to keep parts, created if missing; None keeps nothing.
      kind: what the names of the files begin with, such as "certificates".
      run: returns everything that the results depend on, as plain values.
      point_range: what this process computes. Processes with ranges share a directory, and leave the parts there. None for
        everything.
      title: what messages call the run; its kind by default.

    Raises:
      InputError: the directory holds an unfinished run that is another, or another process has it.
    """
    if directory is None:
        yield RunParts(point_range=point_range)
        return
    os.makedirs(directory, exist_ok=True)
    lock = os.path.join(directory, f".{kind}.lock")
    with locks.exclusive(lock) if point_range is None else locks.shared(lock):
        described = json.loads(json.dumps(run()))
        _check_same_run(directory, kind, described, title or kind)
        parts = RunParts(directory, kind, described, point_range)
        yield parts
        if point_range is None:
            parts.clear()


def has_parts(directory: str, kind: str) -> bool:
    """Returns whether a directory, which may be missing, holds parts of runs of a kind."""
    return os.path.isdir(directory) and bool(_unfinished_run(directory, kind).parts())


def content_hash(points: Points) -> str:
    """Returns the SHA-256 of points, which tells runs on different points apart."""
    content = hashlib.sha256()
    for field in dataclasses.fields(points):
        content.update(np.ascontiguousarray(getattr(points, field.name)).tobytes())
    return content.hexdigest()


def _unfinished_run(directory: str, kind: str) -> UnfinishedRun:
    part = re.compile(rf"{re.escape(kind)}-part-.*\.npz", re.DOTALL)
    return UnfinishedRun(directory, part, f"{kind}-run.json")


def _check_same_run(directory: str, kind: str, run: dict[str, Any], title: str) -> None:
    """Writes what the run is, or raises InputError if the directory holds parts of a different one."""
    unfinished = _unfinished_run(directory, kind)
    if unfinished.is_of(run, "unfinished run"):
        return
    if unfinished.parts():
        other = files.read_json(unfinished.path, "unfinished run")
        raise InputError(
            f"{directory} holds unfinished {title} of another model, of other points or with other settings (these differ: "
            f"{_differing(other, run)}). Repeat its settings to continue it, choose another output_dir, or remove {unfinished.path} and "
            "the parts to start again."
        )
    files.write_json(unfinished.path, run)  # the other run finished no part


def _differing(one: Any, other: Any) -> str:
    """Returns the names of what differs between two descriptions of runs, as "model, settings.ks"."""
    return ", ".join(_differing_names(one, other)) or "all"


def _differing_names(one: Any, other: Any) -> Iterator[str]:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return
    for name in sorted({*one, *other}):
        first, second = one.get(name), other.get(name)
        if first != second:
            inner = [f"{name}.{each}" for each in _differing_names(first, second)]
            yield from inner or [name]
