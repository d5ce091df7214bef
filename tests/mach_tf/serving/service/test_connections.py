"""Over real sockets, with a small application in place of the service."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")
import uvicorn

from mach_tf.serving.service.connections import ConnectionLimits, guarded_protocol
from mach_tf.serving.service.listening import listen

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
SECONDS = 0.4


async def app(scope, receive, send):
    """Answers with the path; the answers of /much and /parts fill every buffer."""
    body = scope["path"].encode() + (b"x" * (64 << 20) if scope["path"] in ("/much", "/parts") else b"")
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/parts":
        await send({"type": "http.response.body", "body": body[:-1], "more_body": True})
        body = body[-1:]
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(header_seconds):
    """Serves the application; the value is its port."""
    limits = ConnectionLimits(
        connections=3, header_seconds=header_seconds, exchange_seconds=2 * SECONDS, idle_seconds=3 * SECONDS
    )
    settings = uvicorn.Config(app, http=guarded_protocol(limits), ws="none", log_level="error", lifespan="off")
    server = uvicorn.Server(settings)
    with listen("127.0.0.1", 0) as listening:
        number = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield number
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port():
    with serving(SECONDS) as number:
        yield number


@contextlib.contextmanager
def connection(port):
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        yield client


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


def test_a_connection_may_be_idle_between_requests_but_not_for_ever(port):
    with connection(port) as client:
        for pause in (2 * SECONDS, 0):
            client.sendall(GET % b"one")
            assert b"/one" in client.recv(1 << 16)
            time.sleep(pause)
        client.settimeout(10)
        begin = time.monotonic()
        assert received(client) == b""
        assert 2.5 * SECONDS < time.monotonic() - begin < 8 * SECONDS


def test_after_an_idle_time_headers_must_arrive_in_time(port):
    with connection(port) as client:
        client.sendall(GET % b"one")
        assert b"/one" in client.recv(1 << 16)
        time.sleep(2 * SECONDS)
        client.sendall(b"GET /two")
        begin = time.monotonic()
        assert error(received(client)) == (408, "slow_request")
        assert time.monotonic() - begin < 3 * SECONDS


def test_requests_are_answered_one_after_the_other(port):
    with connection(port) as client:
        client.sendall(GET % b"one" + GET % b"two" + GET % b"three")
        answer = received(client)
    assert [answer.count(b"/" + word) for word in (b"one", b"two", b"three")] == [1, 1, 1], answer


def test_a_request_may_come_slowly_within_the_limit_and_later_ones_too(port):
    with connection(port) as client:
        for _ in range(3):
            for part in (b"GET /slow HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n"):
                client.sendall(part)
                time.sleep(SECONDS / 5)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_headers_that_do_not_end_are_given_up(port):
    with connection(port) as client:
        begin = time.perf_counter()
        client.sendall(b"GET /one HTTP/1.1\r\nHost:")
        assert error(received(client)) == (408, "slow_request")
        assert SECONDS / 2 < time.perf_counter() - begin < 5


def test_headers_that_do_not_end_after_an_answer_are_given_up(port):
    with connection(port) as client:
        client.sendall(GET % b"one")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /two")
        assert error(received(client).rpartition(b"/one")[2]) == (408, "slow_request")


def test_a_connection_without_a_request_is_closed(port):
    with connection(port) as client:
        assert received(client) == b""


@pytest.mark.parametrize("request_", [GET % b"much", GET % b"parts", b"GET /much HTTP/1.0\r\n\r\n"])
def test_a_client_that_does_not_read_is_cut_off(port, request_):
    with connection(port) as client:
        client.sendall(request_)
        time.sleep(4 * SECONDS)
        assert len(received(client)) < 64 << 20


@pytest.mark.parametrize("request_", [b"\x16\x03\x01\x02\x00", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 99])
def test_what_is_not_http_is_told_in_json(port, request_):
    with connection(port) as client:
        client.sendall(request_ + b"\r\n\r\n")
        assert error(received(client)) == (400, "not_http")


def test_headers_without_end_are_refused_by_their_size():
    # Long before a limit of time, which a busy machine would reach first if it were short.
    with serving(60) as port, connection(port) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200_000)
        assert error(received(client))[0] in (400, 431)


def test_too_many_connections_are_refused(port):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connection(port)) for _ in range(4)]
        answer = received(clients[-1])
        assert error(answer) == (503, "busy")
        assert b"Retry-After: 1" in answer
        clients[0].sendall(GET % b"one")
        assert clients[0].recv(1 << 16).startswith(b"HTTP/1.1 200")
