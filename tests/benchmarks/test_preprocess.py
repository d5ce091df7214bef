"""Every arm of the benchmark converts or reads the same text and is timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ARMS = ["original", "one_worker", "all_cores", "read_only"]


def _run(*flags: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.preprocess", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "arms", [["one_worker", "all_cores", "read_only"], pytest.param(ARMS, marks=pytest.mark.slow)], ids=len
)
def test_each_arm_is_timed_on_the_same_text(arms):
    result = _run("--points=500", "--compression=gz", f"--arms={','.join(arms)}")
    assert list(result["arms"]) == arms
    sizes = {arm["text_mb"] for arm in result["arms"].values()}
    assert len(sizes) == 1 and 0.4 < sizes.pop() < 0.8
    for arm in result["arms"].values():
        assert arm["points_per_second"] == pytest.approx(500 / arm["seconds"], rel=0.5)
        assert 20 < arm["peak_mb"] < 2000
    ratios = ["original/one_worker", "original/all_cores"] if "original" in arms else []
    assert list(result["ratios"]) == ratios
