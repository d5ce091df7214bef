from __future__ import annotations

import pytest

from mach_tf.serving.service import problems


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (problems.invalid("x"), 400, "invalid"),
        (problems.too_large("x"), 413, "too_large"),
        (problems.busy(), 503, "busy"),
        (problems.too_slow(2.5), 504, "timeout"),
    ],
)
def test_errors_have_a_status_a_code_and_a_sentence(error, status, code):
    assert (error.status, error.code) == (status, code)
    assert error.to_json() == {"error": error.message, "code": code}
    assert (error.retry_after is not None) == (status == 503)
