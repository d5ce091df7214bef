from __future__ import annotations

import gc
import threading

import pytest

from mach_tf.serving.service import own_thread


class Made:
    def __init__(self, argument):
        self.argument, self.thread = argument, threading.current_thread()


def test_the_thread_lives_as_long_as_the_object():
    made = own_thread.make(Made, 3)
    assert made.argument == 3
    thread = made.thread
    assert thread is not threading.current_thread()
    assert thread.is_alive()
    gc.disable()
    try:
        del made
        thread.join(10)
    finally:
        gc.enable()
    assert not thread.is_alive()


def test_an_exception_is_raised_and_ends_the_thread():
    threads = []

    def failing():
        threads.append(threading.current_thread())
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        own_thread.make(failing)
    threads[0].join(10)
    assert not threads[0].is_alive()
