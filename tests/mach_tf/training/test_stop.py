from __future__ import annotations

import os
import signal

import pytest

from mach_tf.training.stop import Stop, StopSignal


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_a_request_and_gives_the_shells_status(number, status):
    before = signal.getsignal(number)
    with StopSignal() as stop:
        assert not stop.requested()
        os.kill(os.getpid(), number)
        assert stop.requested()
        assert stop.status == status
    assert signal.getsignal(number) is before


def test_a_second_interrupt_ends_at_once():
    with StopSignal() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.requested()


def test_a_request_by_another_worker_counts_as_sigterm():
    assert StopSignal().status == 143


def test_only_the_signals_asked_for_are_caught():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal([signal.SIGINT]) as stop:
        assert signal.getsignal(signal.SIGTERM) is before
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested()


def test_without_signals_nobody_requests_a_stop():
    before = signal.getsignal(signal.SIGINT)
    with Stop() as stop:
        assert signal.getsignal(signal.SIGINT) is before and not stop.requested()
