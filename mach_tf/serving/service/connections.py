"""The connections of the service: how many there may be, how long each may take, and what is not HTTP.

uvicorn waits without end for the headers of a request and for a client that does not read its answer, and what it answers by itself is
no JSON. So its protocol is extended here, by the methods of asyncio.Protocol, `app`, and `send_400_response`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import http
import json
from typing import Any, Optional

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mach_tf.serving.service.problems import RequestError

_MOST_HEADER_BYTES = 64 << 10
_NOT_HTTP = RequestError(400, "not_http", "The request must be HTTP/1.1 with the header Host.")


@dataclasses.dataclass(frozen=True)
class ConnectionLimits:
    """What connections may take.

    Attributes:
      connections: most connections; further ones are refused.
      header_seconds: how long a connection may wait for a request, or for the rest of its headers.
      exchange_seconds: how long a request may take with everything: its body, its answer, and the client's reading of it.
      idle_seconds: how long a connection may wait for the next request after an answer; longer than the minute of most proxies, whose
        requests would otherwise meet a connection that is just being closed.
    """

    connections: int = 512
    header_seconds: float = 10.0
    exchange_seconds: float = 30.0
    idle_seconds: float = 75.0


def guarded_protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Returns uvicorn's protocol with limits, for the argument `http` of uvicorn.Config."""

    class GuardedProtocol(_GuardedProtocol):
        _limits = limits

    return GuardedProtocol


class _GuardedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    _limits = ConnectionLimits()
    app: Any

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._unguarded, self.app = self.app, self._exchange
        self._timer: Optional[asyncio.TimerHandle] = None
        self._waits, self._received = True, 0
        self._answered, self._idle = False, False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._refuse(RequestError(503, "busy", "The service has too many connections. Try again later.", 1))
        else:
            self._wait()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waits and self._received > _MOST_HEADER_BYTES:
            message = f"The headers must have at most {_MOST_HEADER_BYTES} bytes. Send fewer."
            self._refuse(RequestError(431, "headers_too_large", message))
            return
        if self._idle:
            self._cancel()
            self._wait()
        self._received += len(data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser refuses; it calls this."""
        self._refuse(_NOT_HTTP)

    async def _exchange(self, scope: Any, receive: Any, send: Any) -> None:
        """The application for one request: it must end in time."""
        self._cancel()
        self._waits = False
        timer = self._timer = self.loop.call_later(self._limits.exchange_seconds, self.transport.abort)
        try:
            await (self._unguarded if _is_whole(scope) else _not_http)(scope, receive, send)
        finally:
            timer.cancel()
            if self._timer is timer:
                self._wait(answered=True)

    def _wait(self, answered: bool = False) -> None:
        self._waits, self._received = True, 0
        self._answered, self._idle = answered, False
        self._timer = self.loop.call_later(self._limits.header_seconds, self._give_up)

    def _give_up(self) -> None:
        if self.transport.get_write_buffer_size():
            left = self._limits.exchange_seconds - self._limits.header_seconds
            self._timer = self.loop.call_later(max(0.0, left), self.transport.abort)
        elif self.transport.is_closing():
            return
        elif self._received:
            message = f"The headers must arrive within {self._limits.header_seconds:g} s."
            self._refuse(RequestError(408, "slow_request", message))
        elif self._answered and not self._idle:
            self._idle = True
            left = self._limits.idle_seconds - self._limits.header_seconds
            self._timer = self.loop.call_later(max(0.0, left), self._give_up)
        else:
            self.transport.close()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, error: RequestError) -> None:
        body = json.dumps(error.to_json()).encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **error.headers,
        }
        lines = [f"HTTP/1.1 {error.status} {http.HTTPStatus(error.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()


def _is_whole(scope: Any) -> bool:
    """Returns whether a request has a version of HTTP and the header Host; the parser httptools does not ask for them."""
    version = scope["http_version"]
    return version == "1.0" or (version == "1.1" and any(name == b"host" for name, _ in scope["headers"]))


async def _not_http(_: Any, __: Any, send: Any) -> None:
    body = json.dumps(_NOT_HTTP.to_json()).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": _NOT_HTTP.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
