"""The progress bar of a conversion: bytes of the files on disk, and the points so far."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Callable, Optional

from mach_tf import zip_members
from mach_tf.progress_bars import Bar


@contextlib.contextmanager
def conversion_bar(paths: Iterable[Optional[str]], shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar for the files of a conversion.

    Args:
      paths: the files, each as often as it is read; None stands for no file.
      shown: whether to show anything.

    Yields:
      A function that takes the points and the bytes on disk done since its last call.
    """
    size = sum(zip_members.size(path) for path in paths if path)
    points = 0
    with Bar("Preprocessing", size, "B", scaled=True, shown=shown) as bar:

        def advance(new_points: int, new_bytes: int) -> None:
            nonlocal points
            points += new_points
            bar.note(f"{points:,} points")
            bar.update(new_bytes)

        yield advance
