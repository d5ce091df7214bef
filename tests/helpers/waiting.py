"""Waiting for a state of something else, however slow the machine is."""

from __future__ import annotations

import asyncio
import time
from typing import Callable

# Far more than anything takes on a busy machine; only a test that fails waits as long.
LONG = 60.0


def until(condition: Callable[[], object], seconds: float = LONG) -> None:
    """Waits until the condition holds; fails if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s"
        time.sleep(0.01)


async def until_async(condition: Callable[[], object]) -> None:
    """Does the same in an event loop."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {LONG:g} s"
        await asyncio.sleep(0.01)
