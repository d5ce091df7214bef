"""What the service measures of itself, for Prometheus."""

from __future__ import annotations

import os
from typing import Callable, Optional

import prometheus_client
from prometheus_client import multiprocess

from mach_tf.serving.service.workers import MEASUREMENTS

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_LOAD_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_POINTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Measurements:
    """Counts requests, and measures latencies and batches."""

    def __init__(self, queued: Callable[[], int], version: Callable[[], int]):
        """Creates the metrics in a registry of their own.

        Args:
          queued: returns the number of points that wait.
          version: returns the version that is served.
        """
        self._registry = prometheus_client.CollectorRegistry()
        labels = ("path", "status")
        self._requests = prometheus_client.Counter(
            "mach_requests", "Requests, by path and status.", labels, registry=self._registry
        )
        self._seconds = prometheus_client.Histogram(
            "mach_request_seconds",
            "Latency of requests in seconds.",
            ("path",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batch = prometheus_client.Histogram(
            "mach_batch_points", "Points per call of the model.", buckets=_POINTS, registry=self._registry
        )
        self._refusals = prometheus_client.Counter(
            "mach_refused_requests",
            "Requests without an answer, by the code of the error.",
            ("code",),
            registry=self._registry,
        )
        self._load = prometheus_client.Histogram(
            "mach_load_seconds",
            "Seconds to load a version and warm it up.",
            buckets=_LOAD_SECONDS,
            registry=self._registry,
        )
        self._failures = prometheus_client.Counter(
            "mach_load_failures", "Versions that could not be loaded.", registry=self._registry
        )
        # Of several processes that live: the sum, and the oldest version that one of them still serves.
        self._queue = prometheus_client.Gauge(
            "mach_queued_points", "Points that wait.", registry=self._registry, multiprocess_mode="livesum"
        )
        self._served = prometheus_client.Gauge(
            "mach_model_version", "The version that is served.", registry=self._registry, multiprocess_mode="livemin"
        )
        self._queued, self._version = queued, version

    def request(self, path: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, points: int) -> None:
        """Counts a call of the model."""
        self._batch.observe(points)
        self._update()

    def refusal(self, code: str) -> None:
        """Counts a request that was refused, or that got no answer in time."""
        self._refusals.labels(code).inc()

    def load(self, seconds: Optional[float]) -> None:
        """Counts a version that was loaded within some seconds, or that could not be loaded, with None."""
        if seconds is None:
            self._failures.inc()
        else:
            self._load.observe(seconds)
        self._update()

    def text(self) -> bytes:
        """Returns the metrics in Prometheus' text format; of several processes, those of all of them."""
        self._update()
        if MEASUREMENTS not in os.environ:
            return prometheus_client.generate_latest(self._registry)
        together = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
        return prometheus_client.generate_latest(together)

    def _update(self) -> None:
        self._queue.set(self._queued())
        self._served.set(self._version())
