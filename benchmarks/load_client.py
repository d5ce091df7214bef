"""Loads an HTTP service: some clients, each of which sends its next request when its last one is answered, over connections that stay open.

It is lean, because it shares the processors with the service: requests are made beforehand, and of an answer only its status and its
length are read.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"
_PERCENTILES = (50, 95, 99)
# Seconds that the last requests may take.
_PATIENCE = 60


def request(path: str, body: bytes) -> bytes:
    """Returns a POST request as it is sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def load(port: int, requests: Sequence[bytes], clients: int, seconds: float, warm_up: float = 1.0) -> dict[str, Any]:
    """Sends requests for some seconds.

    Args:
      port: the port of the service on this machine.
      requests: what the clients send, in turn.
      clients: number of connections.
      seconds: how long they are measured.
      warm_up: seconds before that.

    Returns:
      Answered requests per second, p50, p95 and p99 of the milliseconds of a request, the number of answers with another status than
      200, and the share of one processor that this client took.
    """
    return asyncio.run(_load(port, requests, clients, seconds, warm_up))


class _Client(asyncio.Protocol):
    """One connection: sends a request after the other until `stopped`."""

    def __init__(self, requests: Iterator[bytes], answered: list[tuple[float, float, bytes]]):
        self._requests, self._answered = requests, answered
        self._transport: Optional[asyncio.Transport] = None
        self._received = bytearray()
        self._begin = 0.0
        self._wanted = 0
        self.stopped = False
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            head = self._received.find(_END)
            if head < 0:
                return
            length = _LENGTH.search(self._received, 0, head)
            self._wanted = head + len(_END) + (int(length[1]) if length else 0)
        if len(self._received) < self._wanted:
            return
        self._answered.append((self._begin, time.perf_counter(), bytes(self._received[9:12])))
        self._received.clear()
        self._wanted = 0
        if self.stopped and self._transport is not None:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Optional[Exception]) -> None:
        if not self.stopped:
            self._answered.append((self._begin, time.perf_counter(), b"connection lost"))
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        self._begin = time.perf_counter()
        self._transport.write(next(self._requests))


async def _load(port: int, requests: Sequence[bytes], clients: int, seconds: float, warm_up: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    endless = itertools.cycle(requests)
    answered: list[tuple[float, float, bytes]] = []
    made = [
        (await loop.create_connection(lambda: _Client(endless, answered), "127.0.0.1", port))[1] for _ in range(clients)
    ]
    await asyncio.sleep(warm_up)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    end, cpu = time.perf_counter(), time.process_time() - begin_cpu
    for client in made:
        client.stopped = True
    await asyncio.wait([client.ended for client in made], timeout=_PATIENCE)
    counted = [(done - sent, status) for sent, done, status in answered if begin <= done < end]
    times = sorted(1000 * each for each, _ in counted)
    result: dict[str, Any] = {"requests_per_second": round(len(times) / (end - begin), 1)}
    for percent in _PERCENTILES:
        result[f"p{percent}_ms"] = round(times[min(len(times) - 1, len(times) * percent // 100)], 2) if times else None
    result["errors"] = sum(status != b"200" for _, _, status in answered)
    result["client_processors"] = round(cpu / (end - begin), 2)
    return result
