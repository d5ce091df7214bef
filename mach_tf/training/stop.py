"""SIGTERM and SIGINT as a request that training honours after its current step."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Optional


class StopSignal:
    """Catches the two signals within a `with` block; a second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self._number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        self._before = {number: signal.signal(number, self._catch) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def requested(self) -> bool:
        """Whether a signal came."""
        return self._number != 0

    @property
    def status(self) -> int:
        """The exit status that shells give a process ended by the signal; by SIGTERM where it came to another worker."""
        return 128 + (self._number or signal.SIGTERM)

    def _catch(self, number: int, _: Optional[FrameType]) -> None:
        if self._number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._number = number
