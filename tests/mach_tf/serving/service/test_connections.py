"""Over real sockets, with a small application in place of the service."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")
import uvicorn

from mach_tf.serving.service.connections import ConnectionLimits, guarded_protocol
from mach_tf.serving.service.listening import listen
from tests.helpers.event_loops import SteppedLoop
from tests.helpers.waiting import LONG, until

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
# Seconds that pass only when a test says so: hours, which no machine is slow enough to reach by itself.
HEADERS, EXCHANGE, IDLE = 10_000.0, 20_000.0, 50_000.0


async def app(scope, receive, send):
    """Answers with the path; the answers of /much and /parts fill every buffer."""
    body = scope["path"].encode() + (b"x" * (64 << 20) if scope["path"] in ("/much", "/parts") else b"")
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/parts":
        await send({"type": "http.response.body", "body": body[:-1], "more_body": True})
        body = body[-1:]
    await send({"type": "http.response.body", "body": body})


class Serving:
    """The application on a port: its connections, the bytes that it has read, and the clock of its server."""

    def __init__(self, port, loop):
        self.port, self.pass_seconds = port, loop.advance
        self.opened, self.closed, self.read = 0, 0, 0


def protocol(serving):
    """Returns the protocol with limits, which notes what it sees."""
    limits = ConnectionLimits(connections=3, header_seconds=HEADERS, exchange_seconds=EXCHANGE, idle_seconds=IDLE)

    class Noted(guarded_protocol(limits)):
        def connection_made(self, transport):
            super().connection_made(transport)
            serving.opened += 1

        def connection_lost(self, exc):
            super().connection_lost(exc)
            serving.closed += 1

        def data_received(self, data):
            super().data_received(data)
            serving.read += len(data)

    return Noted


@pytest.fixture(scope="module")
def started():
    loop = SteppedLoop()
    with listen("127.0.0.1", 0) as listening:
        made = Serving(listening.getsockname()[1], loop)
        options = {"ws": "none", "log_level": "error", "lifespan": "off", "timeout_keep_alive": int(2 * IDLE)}
        server = uvicorn.Server(uvicorn.Config(app, http=protocol(made), **options))

        def serve():
            asyncio.set_event_loop(loop)
            loop.run_until_complete(server.serve([listening]))
            loop.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield made
        server.should_exit = True
        thread.join(LONG)
        assert not thread.is_alive()


@pytest.fixture
def serving(started):
    until(lambda: started.closed == started.opened)  # those of the last test are gone
    return started


@contextlib.contextmanager
def connection(serving):
    opened = serving.opened + 1
    with socket.create_connection(("127.0.0.1", serving.port), LONG) as client:
        until(lambda: serving.opened == opened)
        yield client


def send(serving, client, content):
    """Sends, and returns once the server has read all of it."""
    read = serving.read + len(content)
    client.sendall(content)
    until(lambda: serving.read == read)


def ask(client, path):
    """Asks for a path, and returns once it is answered."""
    client.sendall(GET % path)
    assert answered(client).endswith(b"\r\n\r\n/" + path)


def answered(client):
    """Returns one answer; that is received in parts."""
    answer = b""
    while b"\r\n\r\n/" not in answer:
        part = client.recv(1 << 16)
        assert part, answer
        answer += part
    return answer


def received(client):
    """Returns all that comes until the connection is closed."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := client.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def error(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"content-length: %d" % len(body) in head.lower()
    found = json.loads(body)
    assert set(found) == {"error", "code"}
    return int(head.split()[1]), found["code"]


def test_a_connection_may_be_idle_between_requests_but_not_for_ever(serving):
    with connection(serving) as client:
        ask(client, b"one")
        serving.pass_seconds(HEADERS + 1)
        serving.pass_seconds(IDLE - HEADERS - 2)
        ask(client, b"two")
        serving.pass_seconds(HEADERS + 1)
        serving.pass_seconds(IDLE - HEADERS - 2)
        ask(client, b"three")
        serving.pass_seconds(HEADERS + 1)
        serving.pass_seconds(IDLE - HEADERS)
        assert received(client) == b""


def test_after_an_idle_time_headers_must_arrive_in_time(serving):
    with connection(serving) as client:
        ask(client, b"one")
        serving.pass_seconds(HEADERS + 1)
        send(serving, client, b"GET /two")
        serving.pass_seconds(HEADERS + 1)
        assert error(received(client)) == (408, "slow_request")


def test_requests_are_answered_one_after_the_other(serving):
    with connection(serving) as client:
        last = b"GET /three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        client.sendall(GET % b"one" + GET % b"two" + last)
        answer = received(client)
    assert [answer.count(b"/" + word) for word in (b"one", b"two", b"three")] == [1, 1, 1], answer


def test_a_request_may_come_slowly_within_the_limit_and_later_ones_too(serving):
    with connection(serving) as client:
        for _ in range(3):
            for part in (b"GET /slow HTTP/1.1\r\n", b"Host: x\r\n"):
                send(serving, client, part)
                serving.pass_seconds(0.4 * HEADERS)
            client.sendall(b"\r\n")
            assert answered(client).startswith(b"HTTP/1.1 200")


def test_headers_that_do_not_end_are_given_up(serving):
    with connection(serving) as client:
        send(serving, client, b"GET /one HTTP/1.1\r\nHost:")
        serving.pass_seconds(HEADERS - 1)
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        client.settimeout(LONG)
        serving.pass_seconds(2)
        assert error(received(client)) == (408, "slow_request")


def test_headers_that_do_not_end_after_an_answer_are_given_up(serving):
    with connection(serving) as client:
        ask(client, b"one")
        send(serving, client, b"GET /two")
        serving.pass_seconds(HEADERS + 1)
        assert error(received(client)) == (408, "slow_request")


def test_a_connection_without_a_request_is_closed(serving):
    with connection(serving) as client:
        serving.pass_seconds(HEADERS + 1)
        assert received(client) == b""


@pytest.mark.parametrize("request_", [GET % b"much", GET % b"parts", b"GET /much HTTP/1.0\r\n\r\n"])
def test_a_client_that_does_not_read_is_cut_off(serving, request_):
    with connection(serving) as client:
        client.sendall(request_)
        assert client.recv(1, socket.MSG_PEEK)  # the answer has begun
        serving.pass_seconds(HEADERS + 1)
        serving.pass_seconds(EXCHANGE - HEADERS)
        assert len(received(client)) < 64 << 20


@pytest.mark.parametrize("request_", [b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 99])
def test_what_is_not_http_is_told_in_json(serving, request_):
    with connection(serving) as client:
        client.sendall(request_ + b"\r\n\r\n")
        assert error(received(client)) == (400, "not_http")


def test_headers_without_end_are_refused_by_their_size(serving):
    with connection(serving) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200_000)
        assert error(received(client))[0] in (400, 431)


def test_too_many_connections_are_refused(serving):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connection(serving)) for _ in range(4)]
        answer = received(clients[-1])
        assert error(answer) == (503, "busy")
        assert b"Retry-After: 1" in answer
        ask(clients[0], b"one")
