"""The standard streams of a program: closed ones, pipes that nobody reads any more, and full disks."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from typing import TextIO

_STREAMS = (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w"))


class NoReaderError(BrokenPipeError):
    """Standard output is a pipe that nobody reads any more."""


def prepare() -> None:
    """Makes the streams usable: closed ones lead to nowhere, and text that their encoding lacks is escaped.

    A closed descriptor would be given to the next file that is opened, and messages would be written into that file.
    """
    for name, descriptor, mode in _STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115 (for the whole process)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def flush() -> None:
    """Writes what the streams still hold, and discards it if that fails.

    Raises:
      OSError: standard output cannot be written.
    """
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            discard(stream.fileno())
            if stream is sys.stdout and isinstance(error, BrokenPipeError):
                raise NoReaderError(*error.args) from None
            if stream is sys.stdout and isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, "standard output") from None


def beside(output_path: str) -> TextIO:
    """Returns the stream for what a program says of its output: standard output, or standard error if the first is the output.

    `mach-predict --output=/dev/stdout --format=jsonl | jq` reads predictions alone.
    """
    with contextlib.suppress(OSError):
        if os.path.samestat(os.stat(output_path), os.fstat(sys.stdout.fileno())):
            return sys.stderr
    return sys.stdout


def discard(descriptor: int) -> None:
    """Lets a descriptor lead to nowhere, so that the interpreter's own flush at its end succeeds."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def has_no_reader(descriptor: int) -> bool:
    """Returns whether a descriptor is a pipe that nobody reads."""
    try:
        poll = select.poll()
        poll.register(descriptor, 0)
        return any(events & select.POLLERR for _, events in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # no poll on this system, or no descriptor
        return False
