"""Objects that are made in a thread of their own, whose arena of memory they lie in."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Callable, TypeVar

Made = TypeVar("Made")


def make(function: Callable[..., Made], *arguments: Any) -> Made:
    """Calls a function in a new thread, which lives as long as the object that the function returns.

    glibc gives a new thread an arena that no other thread uses, if `startup.prepare_replacements` allows one more. The small objects of a
    loaded model, 200 MB of them, then lie apart from those of the model before, and the arena is free as a whole when the model is
    released. Two models in one arena share pages: memory grew by 5 MB per reload (EURLEX57K).

    Args:
      function: returns an object that can have weak references; an exception is raised here.
      *arguments: its arguments.
    """
    made: list[Made] = []
    failures: list[BaseException] = []
    ended, released = threading.Event(), threading.Event()

    def run() -> None:
        try:
            made.append(function(*arguments))
        except BaseException as error:
            failures.append(error)
        ended.set()
        if not failures:
            released.wait()

    threading.Thread(target=run, name="version", daemon=True).start()
    ended.wait()
    if failures:
        raise failures.pop()
    found = made.pop()
    weakref.finalize(found, released.set).atexit = False
    return found
