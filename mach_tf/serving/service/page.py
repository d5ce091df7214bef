"""GET /: a page to try texts and points on. It is one file, needs no network, and may run no other script than its own."""

from __future__ import annotations

import base64
import functools
import hashlib
import pathlib
import re

from starlette.responses import HTMLResponse

_DIRECTORY = pathlib.Path(__file__).parent
# The words of a text are coloured by the code of the report.
_REPORT = _DIRECTORY.parents[1] / "explanations" / "reporting" / "templates"
_INCLUDED = re.compile(r"/\* include (\S+) \*/")


def response() -> HTMLResponse:
    """Returns the page. A browser keeps none of it, because a newer service may have another."""
    text = _text()
    return HTMLResponse(
        text,
        headers={
            "Content-Security-Policy": _policy(text),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


@functools.lru_cache(maxsize=1)
def _text() -> str:
    page = (_DIRECTORY / "page.html").read_text(encoding="utf-8")
    return _INCLUDED.sub(lambda match: _file(match[1]).read_text(encoding="utf-8"), page)


def _file(name: str) -> pathlib.Path:
    own = _DIRECTORY / name
    return own if own.exists() else _REPORT / name


@functools.lru_cache(maxsize=1)
def _policy(text: str) -> str:
    """Returns the policy: the page's script and style by their hashes, and requests to this service alone."""
    allowed = {
        tag: " ".join(map(_hash, re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL))) for tag in ("script", "style")
    }
    return (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
