"""Writes a directory that appears whole or not at all, also if it replaces an old one."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
from collections.abc import Iterator

from mach_tf import files
from mach_tf.errors import InputError

_AT_FDCWD = -100  # <fcntl.h>
_RENAME_EXCHANGE = 2  # <linux/fs.h>


@contextlib.contextmanager
def staged(path: str) -> Iterator[str]:
    """Yields an empty directory beside `path`, which takes its place if the block ends without error.

    Until then, and after an error, `path` stays as it is. The next run removes what a killed run left behind.

    Args:
      path: the directory to make or to replace.

    Raises:
      InputError: another process is writing the same directory.
    """
    path = os.path.realpath(path)
    partial = f"{path}.partial"
    os.makedirs(partial, exist_ok=True)
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        _lock(descriptor, partial)
        try:
            _clear(partial)
            yield partial
            files.sync_directory(partial)
            _put_in_place(partial, path)
            files.sync_directory(os.path.dirname(path))
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, partial: str) -> None:
    """Takes a lock that the system releases when this process ends, however it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = os.path.exists(partial) and os.path.samestat(os.fstat(descriptor), os.stat(partial))
    except BlockingIOError:
        mine = False
    if not mine:
        raise InputError(f"Another run is writing {partial}. Wait until it ends, or choose another output directory.")


def _clear(directory: str) -> None:
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.remove(entry.path)


def _put_in_place(new: str, path: str) -> None:
    """Moves `new` to `path`; what was there moves to `new`."""
    if not os.path.exists(path) or not os.listdir(path):
        os.rename(new, path)
    elif not _exchange(new, path):
        # This system cannot exchange them in one step: if the process is killed between the next two lines, `path` is
        # absent, and the old directory is whole beside it.
        os.rename(path, f"{path}.old")
        os.rename(new, path)
        os.rename(f"{path}.old", new)


def _exchange(first: str, second: str) -> bool:
    """Swaps two directories in one step; returns False if the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0
