"""An event loop whose clock a test moves on, for limits of time that a slow machine must not reach by itself."""

from __future__ import annotations

import asyncio
import threading

from tests.helpers.waiting import LONG


class SteppedLoop(asyncio.SelectorEventLoop):
    """Its clock is that of the machine, and what a test adds. The limits of a test are so long that only that reaches them."""

    def __init__(self):
        super().__init__()
        self._added = 0.0

    def time(self):
        return super().time() + self._added

    def skip(self, seconds):
        """Lets that time pass at once; called in the loop."""
        self._added += seconds

    def advance(self, seconds):
        """Lets that time pass at once, and returns when all that was due has been called; called from another thread."""
        done = threading.Event()

        def step():
            self.skip(seconds)
            self.call_later(0, done.set)  # after what was due before

        self.call_soon_threadsafe(step)
        assert done.wait(LONG)


def run(main):
    """Returns what the coroutine `main` returns that is called with a new loop, in which it runs."""
    loop = SteppedLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
