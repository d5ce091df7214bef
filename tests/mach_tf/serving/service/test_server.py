from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")
from mach_tf.serving.service import server
from mach_tf.serving.service.listening import listen

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class App:
    """Answers after a while, and remembers whether its end was announced to it."""

    def __init__(self, seconds=0.0):
        self.seconds, self.ended = seconds, False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.ended = True
            await send({"type": "lifespan.shutdown.complete"})
            return
        await asyncio.sleep(self.seconds)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


def run(app, *signals, timeout=5.0):
    """Serves until the signals; returns what a client gets that asks before them, and what one gets that comes afterwards."""
    answers, before = [], {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]

    def clients():
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(GET)
            time.sleep(0.3)
            for number in signals:
                os.kill(os.getpid(), number)
                time.sleep(0.3)
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                answers.append("accepted")
            except OSError:
                answers.append("not accepted")
            answers.append(client.recv(1 << 16).rpartition(b"\r\n")[2])

    thread = threading.Thread(target=clients)
    thread.start()
    try:
        with listening:
            server.run(app, listening, timeout, 10)
    finally:
        thread.join(20)
        assert {number: signal.getsignal(number) for number in before} == before
    return answers


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)])
def test_what_was_accepted_is_answered_and_nothing_more_is_accepted(signals):
    app = App(seconds=1.2)
    assert run(app, *signals) == ["not accepted", b"done"]
    assert app.ended


def test_a_second_interruption_does_not_wait():
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run(App(seconds=8), signal.SIGINT, signal.SIGINT, timeout=10)
    assert time.perf_counter() - begin < 6


def test_the_wait_ends_after_the_time_limit():
    begin = time.perf_counter()
    run(App(seconds=30), signal.SIGTERM, timeout=0.5)
    assert time.perf_counter() - begin < 10


def test_a_signal_that_comes_before_the_server_handles_signals_stops_it(monkeypatch):
    serve = server.uvicorn.Server.run

    def signalled(self, sockets):
        signal.raise_signal(signal.SIGTERM)
        failsafe = threading.Timer(6, setattr, (self, "should_exit", True))
        failsafe.start()
        serve(self, sockets)
        failsafe.cancel()

    monkeypatch.setattr(server.uvicorn.Server, "run", signalled)
    begin = time.perf_counter()
    with listen("127.0.0.1", 0) as listening:
        server.run(App(), listening, 1.0, 10)
    assert time.perf_counter() - begin < 4
