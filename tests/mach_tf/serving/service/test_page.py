"""The page as it is sent; tests/serve/test_page_in_browser.py has it in a browser."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

pytest.importorskip("starlette", reason="the service needs the extra serve")
from mach_tf.explanations.words.displayed_text import LEAST_STRENGTH
from mach_tf.serving.service import page


def test_the_policy_allows_the_page_and_nothing_else():
    answer = page.response()
    text, policy = answer.body.decode(), answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert {"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))


def test_the_page_is_one_file():
    text = page.response().body.decode()
    assert "/* include" not in text
    assert "coloured" in text, "the script of the report"
    assert f"const data = {{ least: {LEAST_STRENGTH} }};" in text, "its threshold"
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert not re.search(r"https?://", text)
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert unsafe not in text
    assert not re.search(r"<[^>]+ (?:on[a-z]+|style)=", text.partition("<script>")[0]), "the policy forbids them"
