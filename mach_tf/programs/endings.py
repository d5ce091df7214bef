"""How a program ends: the sentence and the exit status of everything that may stop it."""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import traceback
from typing import Optional

from mach_tf.errors import InputError
from mach_tf.programs import standard_streams

# The status that shells give to a process that a signal ended.
INTERRUPTED = 128 + signal.SIGINT
_NO_READER = 128 + 13  # SIGPIPE, which not every system has
_LONGEST = 400


def status_of(error: BaseException, script: str) -> int:
    """Reports on stderr why a program ends, in one line, and returns its exit status.

    Args:
      error: what was raised.
      script: the name of the program.
    """
    status = 1
    pipe_broke = isinstance(error, BrokenPipeError) and standard_streams.has_no_reader(1)
    if isinstance(error, SystemExit):
        if isinstance(error.code, str):
            report(error.code)
        else:
            # absl ends --help with status 1, and leaves out silently what nobody reads.
            unread = error.code == 1 and standard_streams.has_no_reader(1)
            status = _NO_READER if unread else error.code or 0
    elif isinstance(error, KeyboardInterrupt):
        # A second one ends the process at once, without a trace from whatever still runs.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        report("Interrupted. Results appear only when they are complete; the same command starts again or goes on.")
        status = INTERRUPTED
    elif isinstance(error, InputError):
        report(f"error: {error}")
    elif pipe_broke or isinstance(error, standard_streams.NoReaderError):
        standard_streams.discard(1)
        status = _NO_READER
    elif isinstance(error, OSError):
        report(f"error: {os_error(error)}")
    else:
        report(f"error: {_last_resort(error, script)}")
    return status


def report(text: str) -> None:
    """Writes a line to stderr, if that can be written."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        standard_streams.discard(2)


def os_error(error: OSError) -> str:
    """Returns what an OSError means to a user."""
    path = "" if error.filename is None else os.fsdecode(error.filename) if not isinstance(error.filename, int) else ""
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        while path and not os.path.lexists(path):
            path = os.path.dirname(path)
        if path and not os.path.isdir(path):
            return f"{path} must be a directory, but it is a file. Choose another path."
    if isinstance(error, IsADirectoryError):
        return f"{path} must be a file, but it is a directory. Choose another path."
    return f"{error}. The disk, the path or its permissions refused; nothing was left half-written."


def _last_resort(error: BaseException, script: str) -> str:
    """The one line for an error that nothing else names; the trace is saved."""
    first = " ".join(str(error).split())
    what = f"{type(error).__name__}: {_shortened(first)}" if first else type(error).__name__
    path = _save_trace(error, script)
    saved = f"The trace is in {path}" if path else "The trace could not be saved, as no folder can be written"
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return f"The memory does not suffice ({what}). Ask for less at once, or free some. {saved}."
    return f"{what}. This is a defect of mach_tf, or of a library below it. {saved}; please report it."


def _save_trace(error: BaseException, script: str) -> Optional[str]:
    for folder in (None, os.curdir):
        try:
            descriptor, path = tempfile.mkstemp(".txt", f"{script}-trace-", folder)
        except OSError:
            continue
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{' '.join(sys.argv)}\nPython {platform.python_version()}, {platform.platform()}\n\n")
            file.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        return path
    return None


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
