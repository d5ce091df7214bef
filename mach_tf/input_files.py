"""Opens what a user names as an input: a file, a member of a zip archive, or a pipe that somebody writes to, but nothing that never ends."""

from __future__ import annotations

import os
import stat
import threading
from typing import BinaryIO

from mach_tf import zip_members
from mach_tf.errors import InputError

# By then the program that feeds a pipe has opened it; its first byte may come later.
_SECONDS = 30.0


def open_input(path: str) -> BinaryIO:
    """Opens a regular file, a member of a zip archive or a pipe for reading, without a buffer.

    Args:
      path: the file; or a path that goes on behind a zip archive, `Eurlex.zip/Eurlex/eurlex_train.txt`, for a member of it.

    Raises:
      InputError: it is a device or a socket, a pipe that nobody opens for writing within 30 seconds, or a member that is
        damaged or encrypted.
      OSError: the system refuses.
    """
    found = zip_members.split(path)
    if found is not None:
        return zip_members.MemberFile(path, found)  # type: ignore[return-value]
    mode = os.stat(path).st_mode
    if stat.S_ISFIFO(mode):
        return _open_pipe(path)
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(
            f"{path} must be a regular file or a pipe (got a device). Write its content to a file, and give that."
        )
    return open(path, "rb", buffering=0)


def _open_pipe(path: str) -> BinaryIO:
    """Opens a pipe in a thread of its own, as the system waits for a writer, for ever."""
    opened: list[BinaryIO] = []

    def wait() -> None:
        opened.append(open(path, "rb", buffering=0))  # noqa: SIM115 (the caller closes it)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    if opened:
        return opened[0]
    # A writer of our own lets the thread go on, and end.
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    thread.join(1)
    for file in opened:
        file.close()
    raise InputError(
        f"{path} must be a pipe that a program writes to (got nobody within {_SECONDS:g} s). Start that program, or give a file."
    )
