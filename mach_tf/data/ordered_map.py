"""Maps a function over items with threads, and keeps the order."""

from __future__ import annotations

import collections
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def ordered_map(function: Callable[[_In], _Out], items: Iterable[_In], workers: int) -> Generator[_Out, None, None]:
    """Maps with threads, in order, with a bounded number of items in flight.

    Threads are enough because the compiled code, the decompressors and the hashes all release the interpreter's lock; they
    share data without copies, and cannot outlive the program.
    """
    if workers == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending: collections.deque[Future[_Out]] = collections.deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
