"""Writes a directory that appears whole or not at all, also if it replaces an old one; removes directories the same way.

The work happens in a fresh folder beside the directory, `NAME.1a2b3c4d.partial`, which holds a marker: a lock file of the
process that made it. The new directory grows in it under the name `new`, and what is replaced or removed is moved into it, so
that a process killed at any time leaves whole directories and marked folders. Nothing but marked folders is ever deleted here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from typing import Callable, Optional

from mach_tf import files, locks
from mach_tf.errors import InputError

MARKER = ".mach_tf"
_NAME = re.compile(r".+\.[0-9a-f]{8}\.partial", re.DOTALL)
_NAME_LENGTH = 60  # characters of the directory's name; file systems allow 255 bytes
_WAIT_SECONDS = 5.0
_AT_FDCWD = -100  # <fcntl.h>
_RENAME_EXCHANGE = 2  # <linux/fs.h>


@contextlib.contextmanager
def staged(path: str, check: Optional[Callable[[], None]] = None) -> Iterator[str]:
    """Yields an empty directory, which takes the place of `path` if the block ends without error.

    Until then, and after an error, `path` stays as it is. An existing directory is replaced, and its mode and owner are kept.
    What a killed run left behind is removed.

    Args:
      path: the directory to make or to replace; a link is resolved.
      check: called before `path` is replaced; raises an error if it has come to hold what must not be lost.

    Raises:
      InputError: another process is writing the same directory, or `path` is a mount point.
    """
    path = os.path.realpath(path)
    if os.path.ismount(path):
        raise InputError(f"{path} must not be a mount point, because it is replaced as a whole. Give a folder in it.")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with _folder(path, alone=True) as folder:
        new = os.path.join(folder, "new")
        os.mkdir(new)
        yield new
        _sync(new)
        if check:
            check()
        _put_in_place(new, path)
        files.sync_directory(os.path.dirname(path))


def discard(path: str) -> None:
    """Removes a directory of this library: it loses its name first, under which it counts as whole, then its files.

    Another process may do the same at the same time.
    """
    with contextlib.suppress(FileNotFoundError), _folder(path, alone=False) as folder:
        os.rename(path, os.path.join(folder, "old"))
        # Without it, a power cut could keep the name and lose files.
        files.sync_directory(os.path.dirname(path) or ".")


def remove_leftovers(parent: str, target: Optional[str] = None) -> list[str]:
    """Removes the marked folders in a directory that killed processes left behind.

    Args:
      parent: the directory; it need not exist.
      target: the name of the directory that they were made for; None for any.

    Returns:
      The marked folders of processes that still run.
    """
    in_use = []
    for folder, name in _marked(parent):
        if target not in (None, name):
            continue
        if locks.is_held(os.path.join(folder, MARKER)):
            in_use.append(folder)
        else:
            _remove(folder)
    return in_use


@contextlib.contextmanager
def _folder(path: str, alone: bool) -> Iterator[str]:
    """Makes a fresh marked folder beside `path`, and removes it; with `alone` no other may exist for the same path."""
    parent, target = os.path.dirname(path) or ".", os.path.basename(path)
    with _one_at_a_time(parent):
        if alone:
            for other in remove_leftovers(parent, target):
                raise InputError(
                    f"Another run is writing {path}: {locks.owner(os.path.join(other, MARKER))}. Wait until it ends, or "
                    "choose another output directory."
                )
        folder = os.path.join(parent, f"{target[:_NAME_LENGTH]}.{secrets.token_hex(4)}.partial")
        os.mkdir(folder)
        try:
            lock = locks.take(os.path.join(folder, MARKER), target=target)
        except BaseException:
            # Usually a full disk: without its marker nobody would remove the folder.
            shutil.rmtree(folder, ignore_errors=True)
            raise
    try:
        yield folder
    finally:
        try:
            _remove(folder)
        finally:
            if lock is not None:
                os.close(lock)


@contextlib.contextmanager
def _one_at_a_time(parent: str) -> Iterator[None]:
    """Lets one process at a time look for folders and make its own; one that blocks longer than usual is not waited for."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + _WAIT_SECONDS
        with contextlib.suppress(OSError):  # some network file systems do not lock directories
            while not locks.lock(descriptor, parent) and time.monotonic() < until:
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _marked(parent: str) -> list[tuple[str, str]]:
    """Returns the folders in `parent` that hold our marker, with the names of the directories they were made for."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(parent) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                content = locks.read(os.path.join(entry.path, MARKER))
                if content is not None and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    found.append((entry.path, content.get("target", "")))
    return sorted(found)


def _remove(folder: str) -> None:
    """Removes a marked folder, its marker last; what resists is left to the next run."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != MARKER:
                os.remove(entry.path)
        os.remove(os.path.join(folder, MARKER))
        os.rmdir(folder)


def _sync(directory: str) -> None:
    for parent, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                os.fsync(file.fileno())
        files.sync_directory(parent)


def _put_in_place(new: str, path: str) -> None:
    """Moves `new` to `path`; what was there moves to `new`."""
    if os.path.isdir(path):
        files.keep_owner_and_mode(os.stat(path), new)
    if not os.path.isdir(path) or not os.listdir(path):
        os.rename(new, path)
    elif not _exchange(new, path):
        # This system cannot exchange them in one step: if the process is killed between the next two lines, `path` is
        # absent, and the old directory is whole beside it.
        aside = f"{path}.{secrets.token_hex(4)}.old"
        os.rename(path, aside)
        os.rename(new, path)
        os.rename(aside, new)


def _exchange(first: str, second: str) -> bool:
    """Swaps two directories in one step; returns False if the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0
