"""The body of a request: received within limits, and parsed as JSON that means one thing alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request

from mach_tf.serving.service import problems

# A client that still sends a body which is too long may not read the answer before it is done. So this many times the limit is
# received and thrown away.
_DISCARDED = 8


async def read_json(request: Request, most_bytes: int, seconds: float) -> Any:
    """Receives and parses the body.

    Args:
      request: the request.
      most_bytes: how long the body may be.
      seconds: how long it may take to arrive.

    Raises:
      RequestError: the body is too long, too slow, compressed, or not JSON.
      ClientDisconnect: the client hung up.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise problems.encoded(encoding)
    if _announced(request) > most_bytes and "expect" in request.headers:
        raise _too_long(most_bytes)  # the client waits for this answer before it sends the body
    try:
        body = await asyncio.wait_for(_receive(request, most_bytes), seconds)
    except asyncio.TimeoutError:
        raise problems.slow_body(seconds) from None
    return parse(body)


def parse(body: bytes) -> Any:
    """Returns the value of a JSON text.

    Raises:
      RequestError: it is not JSON in UTF-8; an object has a key twice, which programs read differently; it holds NaN or Infinity,
        or a number of thousands of digits; or it is nested too deeply.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unambiguous)
    except UnicodeDecodeError as error:
        raise problems.invalid(f"The body must be JSON in UTF-8 (byte {error.start} is not UTF-8).") from None
    except json.JSONDecodeError as error:
        what = f"{error.msg}, line {error.lineno}, column {error.colno}" if body.strip() else "it is empty"
        raise problems.invalid(f"The body must be JSON ({what}).") from None
    except RecursionError:
        raise problems.invalid("The body must be JSON that is not nested so deeply.") from None
    except ValueError:
        raise problems.invalid("The body must be JSON whose numbers have fewer digits.") from None


async def _receive(request: Request, most_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= most_bytes:
            parts.append(part)
        elif size > _DISCARDED * most_bytes:
            break
    if size > most_bytes:
        raise _too_long(most_bytes)
    return b"".join(parts)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _too_long(most_bytes: int) -> problems.RequestError:
    return problems.too_large(f"The body must have at most {most_bytes} bytes. Send several requests.")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        left = dict(found)
        twice = next(key for key, _ in pairs if left.pop(key, pairs) is pairs)
        raise problems.invalid(f"An object of the body must have a key once (got {problems.shown(twice)} twice).")
    return found


def _refuse_constant(name: str) -> None:
    raise problems.invalid(f"The body must be JSON, which has no {name}.")
