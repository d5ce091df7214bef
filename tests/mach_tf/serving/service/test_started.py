from __future__ import annotations

import sys

import pytest

from mach_tf.errors import InputError
from mach_tf.serving.service.started import started

LISTENS = "import time; print('Version 1 of demo is served at http://127.0.0.1:8501/', flush=True); time.sleep(60)"


def test_a_service_is_stopped_at_the_end_of_the_block():
    with started([sys.executable, "-c", LISTENS]) as service:
        assert service.address == "http://127.0.0.1:8501/"
        assert service.process.poll() is None
    assert service.process.poll() is not None


def test_a_service_is_stopped_after_an_error_too():
    with pytest.raises(ZeroDivisionError), started([sys.executable, "-c", LISTENS]) as service:
        1 / 0  # noqa: B018
    assert service.process.poll() is not None


@pytest.mark.parametrize(("code", "came"), [("", "it ended"), ("print('Hello')", "it printed 'Hello'")])
def test_a_service_that_does_not_start_is_told(code, came):
    with pytest.raises(InputError, match=f"The service must start, but {came}"), started([sys.executable, "-c", code]):
        pass
