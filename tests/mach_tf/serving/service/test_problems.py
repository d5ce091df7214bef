from __future__ import annotations

import pytest

from mach_tf.serving.service import problems


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (problems.invalid("x"), 400, "invalid"),
        (problems.unauthorized(), 401, "unauthorized"),
        (problems.not_found("x"), 404, "not_found"),
        (problems.slow_body(2), 408, "slow_request"),
        (problems.too_large("x"), 413, "too_large"),
        (problems.encoded("gzip"), 415, "unsupported_encoding"),
        (problems.internal(), 500, "internal"),
        (problems.busy(), 503, "busy"),
        (problems.stopping(), 503, "stopping"),
        (problems.too_slow(2.5), 504, "timeout"),
    ],
)
def test_errors_have_a_status_a_code_and_a_sentence(error, status, code):
    assert (error.status, error.code) == (status, code)
    assert error.to_json() == {"error": error.message, "code": code}
    assert (error.retry_after is not None) == (status == 503)


def test_values_are_shown_short_however_long_or_deep_they_are():
    deep = []
    for _ in range(50_000):
        deep = [deep]
    assert problems.shown(deep) == "[[[...]]]"
    assert len(problems.shown("x" * 1_000_000)) <= 60
    assert len(problems.shown({str(i): [10**4000] * 9 for i in range(9)})) <= 60
    assert (problems.shown(-1), problems.shown("kk"), problems.shown("\ud800")) == ("-1", "'kk'", "'\\ud800'")
