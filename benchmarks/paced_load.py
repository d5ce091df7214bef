"""Loads an HTTP service at a fixed rate, whether its answers come or not, and keeps every answer.

A request is due at its time. Its latency counts from then, so that a service that stands still is seen in all requests that it keeps waiting.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Callable, NamedTuple

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_SECONDS = 30.0


class Answer(NamedTuple):
    """What became of one request.

    Attributes:
      request: its index among the requests.
      due: seconds after the begin at which it was due.
      seconds: its latency.
      status: the HTTP status; 0 if the connection failed.
      body: the body of the answer, or what failed.
    """

    request: int
    due: float
    seconds: float
    status: int
    body: bytes


async def load(
    port: int,
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    connections: int,
    observe: Callable[[Answer], None],
) -> None:
    """Sends requests, in turn, at a rate.

    Args:
      port: the port of the service on this machine.
      requests: whole HTTP requests.
      rate: requests per second.
      seconds: how long.
      connections: most requests at a time; each connection stays open.
      observe: called with every answer.
    """
    begin = time.perf_counter()
    count = round(rate * seconds)
    due = iter(range(count))

    async def one_after_the_other() -> None:
        streams = None
        for number in due:
            at = number / rate
            await asyncio.sleep(max(0.0, begin + at - time.perf_counter()))
            try:
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", port)
                status, body = await asyncio.wait_for(_ask(*streams, requests[number % len(requests)]), _SECONDS)
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                status, body, streams = 0, repr(error).encode(), None
            observe(Answer(number % len(requests), at, time.perf_counter() - begin - at, status, body))
        if streams is not None:
            streams[1].close()

    await asyncio.gather(*(one_after_the_other() for _ in range(connections)))


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return int(head.split(maxsplit=2)[1]), await reader.readexactly(int(length[1]) if length else 0)
