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
from tests.helpers.waiting import LONG, until

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class App:
    """Answers once it is told to, and remembers whether it answered and whether its end was announced to it."""

    def __init__(self):
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.answered = self.ended = False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.ended = True
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.asked.set()
        end = time.monotonic() + 2 * LONG
        while not self.may_answer.is_set() and time.monotonic() < end:
            await asyncio.sleep(0.01)
        self.answered = True
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


class Client(threading.Thread):
    """Asks the app, sends the signals, each once nobody is accepted any more after the last one, and then lets the app answer if `answer`."""

    def __init__(self, app, port, signals, answer):
        super().__init__()
        self._app, self._port, self._signals, self._lets_answer = app, port, signals, answer
        self.refused, self.answer = False, None

    def run(self):
        try:
            with socket.create_connection(("127.0.0.1", self._port), 3 * LONG) as client:
                client.sendall(GET)
                until(self._app.asked.is_set)
                for number in self._signals:
                    os.kill(os.getpid(), number)
                    until(self._is_refused)
                self.refused = True
                if self._lets_answer:
                    time.sleep(0.5)  # time for a server that does not wait to end
                    self._app.may_answer.set()
                self.answer = client.recv(1 << 16).rpartition(b"\r\n")[2]
        finally:
            if not self.refused:  # the test fails, and must end
                self._app.may_answer.set()
                os.kill(os.getpid(), signal.SIGTERM)

    def _is_refused(self):
        try:
            socket.create_connection(("127.0.0.1", self._port), LONG).close()
            return False
        except ConnectionError:
            return True


def run(app, *signals, timeout=LONG, answer=True):
    """Serves until the signals; returns the client, which has asked before them and tried to connect after each."""

    def own(*_):
        """Takes what comes too late for the server."""

    before = {number: signal.signal(number, own) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with listen("127.0.0.1", 0) as listening:
            client = Client(app, listening.getsockname()[1], signals, answer)
            client.start()
            try:
                server.run(app, listening, timeout, 10)
            finally:
                client.join(5 * LONG)
                assert not client.is_alive()
                assert [signal.getsignal(number) for number in before] == [own] * 2
        return client
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)])
def test_what_was_accepted_is_answered_and_nothing_more_is_accepted(signals):
    app = App()
    client = run(app, *signals)
    assert client.refused and client.answer == b"done"
    assert app.ended


def test_a_second_interruption_does_not_wait():
    app = App()
    with pytest.raises(KeyboardInterrupt):
        run(app, signal.SIGINT, signal.SIGINT, answer=False)
    assert not app.answered


def test_the_wait_ends_after_the_time_limit():
    app = App()
    client = run(app, signal.SIGTERM, timeout=2.0, answer=False)
    assert client.refused and not app.answered


def test_a_signal_that_comes_before_the_server_handles_signals_stops_it(monkeypatch):
    serve, by_hand = server.uvicorn.Server.run, []

    def signalled(self, sockets):
        signal.raise_signal(signal.SIGTERM)
        failsafe = threading.Timer(LONG, lambda: by_hand.append(setattr(self, "should_exit", True)))
        failsafe.start()
        serve(self, sockets)
        failsafe.cancel()

    monkeypatch.setattr(server.uvicorn.Server, "run", signalled)
    with listen("127.0.0.1", 0) as listening:
        server.run(App(), listening, 1.0, 10)
    assert by_hand == []
