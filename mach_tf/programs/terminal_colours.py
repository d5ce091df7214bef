"""Whether a stream shows colours, and how wide it is."""

from __future__ import annotations

import os
import shutil
from typing import IO

# Longer lines are hard to read, and a file or a pipe has no width.
_MOST_COLUMNS = 100


def shows_colours(stream: IO[str]) -> bool:
    """Returns whether ANSI codes may be written: the stream is a terminal that knows them, and NO_COLOR is not set."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def columns(stream: IO[str]) -> int:
    """Returns the number of columns for text: those of the terminal, at most 100; 100 if the stream is none."""
    return (
        min(_MOST_COLUMNS, shutil.get_terminal_size((_MOST_COLUMNS, 24)).columns) if stream.isatty() else _MOST_COLUMNS
    )
