"""Lock files that the system releases when a process ends, however it ends; each says which process holds it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import stat
import time
import warnings
from collections.abc import Iterator
from typing import Any, Optional

from mach_tf.errors import InputError

_MADE_BY = "mach_tf"
_POLL_SECONDS = 0.05
# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def exclusive(path: str, seconds: float = 0.0, **details: Any) -> Iterator[None]:
    """Holds a lock file during a block, and removes the file at its end.

    Args:
      path: the lock file; its directory exists.
      seconds: how long to wait for another process that holds it.
      details: further values for the file's content, for others to read.

    Raises:
      InputError: another process still holds it, and is named; or the file is not a lock of this library.
    """
    until = time.monotonic() + seconds
    while (descriptor := take(path, **details)) is None:
        if time.monotonic() >= until:
            folder = os.path.dirname(path) or "."
            raise InputError(f"{folder} is in use by {owner(path)}. Wait until it ends, or choose another directory.")
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        release(path, descriptor)


@contextlib.contextmanager
def shared(path: str) -> Iterator[None]:
    """Holds a lock file during a block together with others that share it, while nobody holds it exclusively; the last one removes it.

    Args:
      path: the lock file; its directory exists.

    Raises:
      InputError: as of `exclusive`.
    """
    descriptor = take(path, fcntl.LOCK_SH)
    if descriptor is None:
        folder = os.path.dirname(path) or "."
        raise InputError(f"{folder} is in use by {owner(path)}. Wait until it ends, or choose another directory.")
    try:
        yield
    finally:
        if lock(descriptor, path):
            release(path, descriptor)
        else:
            os.close(descriptor)


def take(path: str, kind: int = fcntl.LOCK_EX, **details: Any) -> Optional[int]:
    """Makes a lock file if it does not exist, and locks it without following a link.

    Args:
      path: the lock file; its directory exists.
      kind: fcntl.LOCK_EX, or LOCK_SH for a lock that others may hold too, whose file names none of them.
      details: further values for the file's content.

    Returns:
      The descriptor that holds the lock until it is closed; None if another process holds it.

    Raises:
      InputError: the file is not a lock of this library.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            if not lock(descriptor, path, kind):
                os.close(descriptor)
                return None
            if not _is_at(descriptor, path):
                # Its last owner removed it before this process had the lock.
                os.close(descriptor)
                continue
            if os.fstat(descriptor).st_size and read(path) is None:
                raise InputError(f"{path} must be a lock file of mach_tf, but it is another file. Move it away.")
            if kind == fcntl.LOCK_EX:
                _write(descriptor, details)
            else:
                os.ftruncate(descriptor, 0)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        return descriptor


def release(path: str, descriptor: int) -> None:
    """Removes a lock file and releases its lock."""
    try:
        with contextlib.suppress(FileNotFoundError):
            if _is_at(descriptor, path):
                os.remove(path)
    finally:
        os.close(descriptor)


def lock(descriptor: int, path: str, kind: int = fcntl.LOCK_EX) -> bool:
    """Locks an open file or directory; returns False if another process holds its lock.

    A file system without locks is warned of once per file: two runs there are not kept apart.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        text = f"{path}: this file system has no locks ({error.strerror}), so do not start two runs in this directory at once."
        warnings.warn(text, stacklevel=2)
    return True


def is_held(path: str) -> bool:
    """Returns whether a process holds a lock file; False if there is none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two processes that ask do not take each other for the holder.
        return not lock(descriptor, path, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def read(path: str) -> Optional[dict[str, Any]]:
    """Returns the content of a lock file; None for a link, a file that is not a lock file, or none at all."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            content = json.loads(file.read(1 << 20))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("made_by") == _MADE_BY else None


def owner(path: str) -> str:
    """Returns which process a lock file names, in words: "process 123 on HOST, started 2026-01-31 12:00:00"."""
    content = read(path) or {}
    if not {"process", "host", "started"} <= set(content):
        return "another process"
    return f"process {content['process']} on {content['host']}, started {content['started']}"


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _write(descriptor: int, details: dict[str, Any]) -> None:
    started = datetime.datetime.now().isoformat(" ", "seconds")
    content = {"made_by": _MADE_BY, "process": os.getpid(), "host": socket.gethostname(), "started": started, **details}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode() + b"\n", 0)
