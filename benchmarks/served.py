"""A running mach-serve, for benchmarks: started as a user starts it, and stopped."""

from __future__ import annotations

import contextlib
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psutil

from mach_tf.serving.service.started import started


class Served(NamedTuple):
    """The port and the process of a service."""

    port: int
    process: psutil.Process

    def seconds(self) -> float:
        """Returns the processor seconds of the service and its workers."""
        total = 0.0
        for process in [self.process, *self.process.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def memory_mb(self) -> dict[str, Any]:
        """Returns the megabytes of the service and its workers: their sum with shared pages counted once, and the largest alone."""
        found = [each.memory_full_info() for each in [self.process, *self.process.children(recursive=True)]]
        return {
            "pss_mb": round(sum(each.pss for each in found) / 1e6),
            "largest_rss_mb": round(max(each.rss for each in found) / 1e6),
        }


@contextlib.contextmanager
def serving(servable: str, flags: Sequence[str] = ()) -> Iterator[Served]:
    """Runs mach-serve on a free port.

    Args:
      servable: a folder of versions.
      flags: further flags.
    """
    command = [sys.executable, "-m", "serve.main", f"--servable={servable}", "--port=0", *flags]
    with started(command) as service:
        port = urllib.parse.urlsplit(service.address).port
        assert port is not None
        yield Served(port, psutil.Process(service.process.pid))
