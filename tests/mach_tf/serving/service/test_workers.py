"""Workers are plain processes here: they note their starts, and one of them dies."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.service import workers
from tests.helpers.waiting import LONG, until

pytest.importorskip("prometheus_client", reason="the service needs the extra serve")


def stop_when(condition):
    """Sends this process SIGTERM once the condition holds."""

    def wait():
        try:
            until(condition)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_workers_are_started_again_and_stopped_together(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_SHORTEST_LIFE", 0.1)

    def serve(weights, announce):
        assert os.path.isdir(weights) and os.path.isdir(os.environ[workers.MEASUREMENTS])
        first = not os.listdir(tmp_path)
        (tmp_path / str(os.getpid())).write_text(weights)
        announce(f"served by {os.getpid()}")
        if first:
            while len(os.listdir(tmp_path)) < 3:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)

    lines = []
    before = signal.getsignal(signal.SIGTERM)
    thread = stop_when(lambda: len(os.listdir(tmp_path)) == 4)
    begin = time.monotonic()
    workers.run(serve, 3, 3 * LONG, lines.append)
    thread.join()
    assert time.monotonic() - begin < LONG, "nobody waits for the end of their work"
    started = os.listdir(tmp_path)
    assert len(started) == 4
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    (line,) = lines
    assert line.removeprefix("served by ") in started
    assert not os.path.exists((tmp_path / started[0]).read_text())
    assert signal.getsignal(signal.SIGTERM) is before
    assert workers.MEASUREMENTS not in os.environ


def test_a_worker_that_does_not_stop_is_killed(tmp_path):
    def serve(weights, announce):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        announce("served")
        (tmp_path / str(os.getpid())).touch()
        time.sleep(600)

    thread = stop_when(lambda: len(os.listdir(tmp_path)) == 2)
    workers.run(serve, 2, 0.2, str)
    thread.join()


def test_why_the_first_worker_cannot_serve_is_told():
    def refuse(weights, announce):
        raise InputError("there is no version")

    with pytest.raises(InputError, match="there is no version"):
        workers.run(refuse, 2, 5, str)
    with pytest.raises(InputError, match="ended with status 7"):
        workers.run(lambda weights, announce: os._exit(7), 2, 5, str)
