from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("starlette", reason="the service needs the extra serve")
from starlette.requests import ClientDisconnect, Request

from mach_tf.serving.service.hang_ups import unless_hung_up


def run(work, hang_up_after):
    """Runs `work` for a client that hangs up; returns the tasks that are left too."""

    async def receive():
        await asyncio.sleep(hang_up_after)
        return {"type": "http.disconnect"}

    async def both():
        try:
            return await unless_hung_up(Request({"type": "http"}, receive), work)
        finally:
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(both())


def test_work_is_done_for_a_client_that_waits():
    assert run(asyncio.sleep(0, "done"), 600) == "done"


def test_work_is_cancelled_when_the_client_hangs_up():
    with pytest.raises(ClientDisconnect):
        run(asyncio.sleep(600), 0.01)


def test_the_error_of_the_work_comes_out():
    async def fail():
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        run(fail(), 600)
