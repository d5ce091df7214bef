"""The progress bar of every program: redrawn on a terminal and in a notebook, one line per minute in a file or a pipe."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Callable, Optional, TypeVar

import tqdm

_Item = TypeVar("_Item")

# A log of a day has 1,440 lines, where a bar redrawn ten times a second would fill gigabytes.
_SECONDS_PER_LINE = 60.0
_SECONDS_PER_DRAWING = 0.5


class Bar:
    """Counts the progress of one piece of work on stderr; a stderr that is closed or full is no error.

    Example:
      >>> with Bar("predict", total=2, unit="point") as bar:
      ...     bar.update(2)
    """

    def __init__(self, description: str, total: int, unit: str, *, scaled: bool = False, shown: bool = True) -> None:
        """Starts at zero.

        Args:
          description: what is done.
          total: the count at the end.
          unit: what is counted, as a singular: "point".
          scaled: whether counts are shown as 1.2k or 3.4M.
          shown: whether to show anything.
        """
        self.count = 0
        self._drawing: Any = None
        stream = sys.stderr
        if shown and stream is not None:
            options = {"total": total, "desc": description, "unit": unit, "unit_scale": scaled, "file": stream}
            with _unwritable_is_no_error(self):
                self._drawing = _Redrawn(**options) if _is_redrawn(stream) else _Lines(**options)

    def update(self, count: int = 1) -> None:
        """Counts further."""
        self.count += count
        if self._drawing is not None:
            with _unwritable_is_no_error(self):
                self._drawing.update(count)

    def note(self, text: str) -> None:
        """Shows a text after the bar from the next drawing on."""
        if self._drawing is not None:
            self._drawing.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """Draws a last time; a bar on a terminal stays there."""
        if self._drawing is not None:
            with _unwritable_is_no_error(self):
                self._drawing.close()
            self._drawing = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def each(items: Iterable[_Item], description: str, unit: str, total: Optional[int] = None) -> Iterator[_Item]:
    """Yields the items and counts them.

    Args:
      items: what to iterate over.
      description: what is done with them.
      unit: what they are, as a singular.
      total: their number, if they have no length.
    """
    if total is None:
        total = len(items) if isinstance(items, Sized) else 0
    with Bar(description, total, unit) as bar:
        for item in items:
            yield item
            bar.update()


def of_rows(description: str) -> Callable[[Sequence[range]], Iterable[range]]:
    """Returns what iterates over ranges of points and counts the points."""

    def counted(chunks: Sequence[range]) -> Iterator[range]:
        with Bar(description, sum(map(len, chunks)), "point") as bar:
            for rows in chunks:
                yield rows
                bar.update(len(rows))

    return counted


def report(text: str) -> None:
    """Writes a line about the progress to stderr, which may be closed or full."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class _Redrawn(tqdm.tqdm):
    """A bar that overwrites its line."""

    monitor_interval = 0  # tqdm's thread, which redraws bars that stand still, would outlive an interrupted program

    def __init__(self, **options: Any) -> None:
        super().__init__(mininterval=_SECONDS_PER_DRAWING, miniters=1, dynamic_ncols=True, **options)


class _Lines(tqdm.tqdm):
    """A line per minute; work of less than a minute has none."""

    monitor_interval = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(mininterval=_SECONDS_PER_LINE, miniters=1, delay=_SECONDS_PER_LINE, ncols=100, **options)

    def display(self, msg: Optional[str] = None, pos: Optional[int] = None) -> None:
        """Writes the state as a line."""
        self.fp.write(f"{self if msg is None else msg}\n")
        self.fp.flush()

    def close(self) -> None:
        """Writes a last line if there were others."""
        if not getattr(self, "disable", True):
            self.disable: bool = True
            self._decr_instances(self)
            if time.time() - self.start_t >= _SECONDS_PER_LINE:
                self.display()


@contextlib.contextmanager
def _unwritable_is_no_error(bar: Bar) -> Iterator[None]:
    """Ends the drawing of a bar whose stream was closed, or is full."""
    try:
        yield
    except (OSError, ValueError):
        if bar._drawing is not None:
            bar._drawing.disable = True
        bar._drawing = None


def _is_redrawn(stream: Any) -> bool:
    """Returns whether a stream can go back to the start of its line; a notebook's can and says that it is no terminal."""
    if type(stream).__module__.startswith("ipykernel"):
        return True
    with contextlib.suppress(AttributeError, ValueError):
        return bool(stream.isatty())
    return False
