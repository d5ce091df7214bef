"""Runs the service in this process until a signal stops it."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from mach_tf.serving.service.connections import ConnectionLimits, guarded_protocol

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(app: Any, listening: socket.socket, timeout: float, connections: int) -> None:
    """Serves an application until SIGTERM or Ctrl-C, then answers what was accepted and returns.

    Args:
      app: the ASGI application.
      listening: the socket.
      timeout: seconds that the body of a request, its answer, and the client's reading of it may take each.
      connections: most connections.

    Raises:
      KeyboardInterrupt: a second Ctrl-C came, and requests were left without an answer.
    """
    limits = ConnectionLimits(connections, timeout, 3 * timeout)
    settings = uvicorn.Config(
        app,
        http=guarded_protocol(limits),
        ws="none",
        log_level="error",  # its warnings of what is not HTTP would let anyone fill the log
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=int(timeout) + 1,
    )
    server = uvicorn.Server(settings)
    with _stopped_without_error(server):
        server.run([listening])
    if server.force_exit:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _stopped_without_error(server: uvicorn.Server) -> Iterator[None]:
    """Handles the signals outside of uvicorn, which repeats the one that stopped it: that must not end the process as if it had been killed.

    One that comes before uvicorn handles them stops it too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
