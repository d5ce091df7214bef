"""A running mach-serve, for benchmarks: started as a user starts it, and stopped."""

from __future__ import annotations

import contextlib
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psutil

from benchmarks.measured_process import of_family
from mach_tf.serving.service.started import started


class Served(NamedTuple):
    """The port and the process of a service."""

    port: int
    process: psutil.Process

    def seconds(self) -> float:
        """Returns the processor seconds of the service and its other processes."""
        times = of_family(self.process, lambda process: process.cpu_times())
        return float(sum(each.user + each.system for each in times))

    def memory_mb(self) -> dict[str, Any]:
        """Returns the megabytes of the service and its other processes: their sum with shared pages counted once, and the largest alone."""
        found = of_family(self.process, lambda process: process.memory_full_info())
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
