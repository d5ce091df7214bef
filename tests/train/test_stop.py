from __future__ import annotations

import os
import signal

import pytest

from train.stop import StopSignal


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_a_request_and_gives_the_shells_status(handlers, number, status):
    stop = StopSignal()
    assert not stop.requested()
    os.kill(os.getpid(), number)
    assert stop.requested()
    assert stop.status == status


def test_a_second_interrupt_ends_at_once(handlers):
    stop = StopSignal()
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.requested()
