"""Requests to stop a training run, which it honours after its current step."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import FrameType
from typing import Any, Optional


class Stop:
    """A request to stop a run, which enters it as a context while it trains; this one never requests it."""

    def __enter__(self) -> Stop:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def requested(self) -> bool:
        """Returns whether to stop."""
        return False


class StopSignal(Stop):
    """Takes signals as requests within a `with` block; a second SIGINT interrupts at once.

    Only the main thread of a process may enter it.
    """

    def __init__(self, signals: Sequence[int] = (signal.SIGTERM, signal.SIGINT)) -> None:
        self._signals = signals
        self._number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        self._before = {number: signal.signal(number, self._catch) for number in self._signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def requested(self) -> bool:
        """Returns whether a signal came."""
        return self._number != 0

    @property
    def status(self) -> int:
        """The exit status that shells give to a process ended by the signal; SIGTERM's if another worker received it."""
        return 128 + (self._number or signal.SIGTERM)

    def _catch(self, number: int, _: Optional[FrameType]) -> None:
        if self._number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._number = number
