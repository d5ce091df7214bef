"""What the service measures of itself, for Prometheus."""

from __future__ import annotations

from typing import Callable

import prometheus_client

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
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
        queue = prometheus_client.Gauge("mach_queued_points", "Points that wait.", registry=self._registry)
        queue.set_function(queued)
        served = prometheus_client.Gauge("mach_model_version", "The version that is served.", registry=self._registry)
        served.set_function(version)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, points: int) -> None:
        """Counts a call of the model."""
        self._batch.observe(points)

    def text(self) -> bytes:
        """Returns the metrics in Prometheus' text format."""
        return prometheus_client.generate_latest(self._registry)
