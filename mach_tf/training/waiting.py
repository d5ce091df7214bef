"""The wait of a worker for others: it says from time to time who is missing, and ends by a signal or after a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Callable

from mach_tf.errors import InputError

_FIRST_REPORT_SECONDS, _REPORT_SECONDS = 2.0, 10.0
_MOST_NAMED = 5


class Stopped(Exception):
    """A stop was requested here or in another worker; no worker goes on."""


class SharedError(InputError):
    """An error that concerns all workers, and is shown in each as it is."""


class Waiting:
    """The wait for workers, from `start` on.

    Attributes:
      missing: the addresses of the workers that are waited for, as far as this worker knows.
      trouble: why one of them cannot be reached; empty if nothing is known.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        timeout: float,
        stop_requested: Callable[[], bool],
        report: Callable[[str], None],
    ):
        """Sets it up.

        Args:
          addresses: the addresses of all workers, the chief's first.
          timeout: the seconds after which it ends.
          stop_requested: returns whether to stop.
          report: takes a line about who is missing.
        """
        self._addresses, self._timeout = addresses, timeout
        self._stop_requested, self._report = stop_requested, report
        self.start()

    def start(self, missing: Sequence[str] = ()) -> None:
        """Begins to wait for workers; the time counts from now."""
        self.missing, self.trouble = list(missing), ""
        self._begin = time.monotonic()
        self._next_report = self._begin + _FIRST_REPORT_SECONDS

    def tick(self) -> None:
        """Reports who is missing, if it is time for that; to be called several times per second.

        Raises:
          Stopped: a stop is requested.
          SharedError: the time is over.
        """
        if self._stop_requested():
            raise Stopped
        now, total = time.monotonic(), len(self._addresses)
        more = f" and {len(self.missing) - _MOST_NAMED} more" if len(self.missing) > _MOST_NAMED else ""
        missing = ", ".join(self.missing[:_MOST_NAMED]) + more
        reason = f"; {self.trouble}" if self.trouble else ""
        here = f"({total - len(self.missing)} of {total} are here{reason})"
        if now > self._begin + self._timeout:
            raise SharedError(
                f"All workers must be there within worker_timeout={self._timeout:g} seconds, but {missing} did not come {here}. "
                f"Start all workers, check that each can reach {self._addresses[0]}, or raise worker_timeout."
            )
        if now > self._next_report:
            self._next_report = now + _REPORT_SECONDS
            self._report(f"waiting for {missing} {here}")
