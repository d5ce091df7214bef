from __future__ import annotations

import asyncio
import time

import pytest

pytest.importorskip("starlette", reason="the service needs the extra serve")
from starlette.requests import Request

from mach_tf.serving.service import bodies
from mach_tf.serving.service.problems import RequestError
from tests.helpers.waiting import LONG


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "it is empty"),
        (b"  ", "it is empty"),
        (b"{", "line 1, column 2"),
        (b"{} {}", "Extra data"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b'"caf\xe9"', "byte 4 is not UTF-8"),
        (b"[NaN]", "has no NaN"),
        (b'{"k": -Infinity}', "has no -Infinity"),
        (b'{"k": 1, "k": 2}', "once .got 'k' twice"),
        (b'{"points": [{"feature_ids": [1], "feature_ids": [2]}]}', "got 'feature_ids' twice"),
        (b"[" * 200_000, "nested"),
        (b'{"a":' * 200_000, "nested"),
        (b"1" * 5000, "fewer digits"),
        (b"\xef\xbb\xbf{}", "must be JSON"),
    ],
)
def test_what_is_not_json_with_one_meaning_is_refused(body, message):
    with pytest.raises(RequestError, match=message) as refused:
        bodies.parse(body)
    assert refused.value.status == 400


def test_json_is_parsed():
    assert bodies.parse(b'{"a": [1, 2.5, "\\ud800", null], "b": {}}') == {"a": [1, 2.5, "\ud800", None], "b": {}}


def test_a_key_that_comes_twice_among_many_is_found_quickly():
    body = b"{" + b",".join(b'"%d":0' % i for i in range(200_000)) + b',"199999":1}'
    begin = time.perf_counter()
    with pytest.raises(RequestError, match="got '199999' twice"):
        bodies.parse(body)
    assert time.perf_counter() - begin < LONG


def read(parts, most=10, seconds=LONG, headers=(), pause=0.0):
    """Reads a body that comes in parts; returns it or the error, and how many parts were received."""
    received = []

    async def receive():
        await asyncio.sleep(pause)
        received.append(parts[len(received)])
        return {"type": "http.request", "body": received[-1], "more_body": len(received) < len(parts)}

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in headers]}
    try:
        return asyncio.run(bodies.read_json(Request(scope, receive), most, seconds)), len(received)
    except RequestError as error:
        return error, len(received)


def test_a_body_comes_in_parts():
    assert read([b"[1, ", b"2", b"]"]) == ([1, 2], 3)


def test_what_is_too_long_is_received_and_thrown_away_up_to_a_bound():
    error, received = read([b" " * 6] * 5)
    assert (error.status, received) == (413, 5)
    error, received = read([b" " * 60] * 5)
    assert (error.status, received) == (413, 2)


def test_what_is_announced_as_too_long_is_not_asked_for():
    error, received = read([b" " * 11], headers=[("content-length", "11"), ("expect", "100-continue")])
    assert (error.status, received) == (413, 0)
    for length in ("", "-1", "x", "9" * 30):
        assert read([b"[]"], headers=[("content-length", length), ("expect", "100-continue")])[0] == []


def test_a_slow_body_is_given_up():
    error, _ = read([b"["] * 9, seconds=0.1, pause=0.04)
    assert (error.status, error.code) == (408, "slow_request")
    assert error.headers == {"Connection": "close"}


def test_a_compressed_body_is_refused():
    error, received = read([b"[]"], headers=[("content-encoding", "gzip")])
    assert (error.status, error.headers, received) == (415, {"Accept-Encoding": "identity"}, 0)
    assert read([b"[]"], headers=[("content-encoding", "identity")])[0] == []
