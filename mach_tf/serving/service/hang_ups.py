"""Work for a client that hangs up before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

_T = TypeVar("_T")


async def unless_hung_up(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Returns what `work` returns, and cancels it when the client hangs up.

    Args:
      request: a request whose body was received.
      work: what answers it.

    Raises:
      ClientDisconnect: the client hung up first.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect()
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
