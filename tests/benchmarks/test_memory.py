"""How the benchmark measures the memory of processes; its result at the reference setting."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from tests.helpers import programs


@pytest.fixture
def memory():
    programs.forget_flags()
    from benchmarks import memory

    return memory


def process(code):
    return subprocess.Popen([sys.executable, "-c", code])


def test_the_peak_is_the_highest_not_the_last(memory):
    """A new process first counts with the memory of this one, which other tests may have made large: it must use more."""
    size = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 300_000_000
    peak = memory._peak(process(f"x = bytearray({size}); x[::4096] = b'1' * len(x[::4096]); del x"))
    assert size < peak < size + 100_000_000


def test_a_program_that_fails_is_no_measurement(memory):
    with pytest.raises(SystemExit, match="status 0"):
        memory._peak(process("raise SystemExit(3)"))
    assert memory._peak(process("raise SystemExit(3)"), 3) > 0


def test_waiting_for_a_checkpoint_ends_with_the_process_and_leaves_its_usage(memory, tmp_path):
    ended = process("pass")
    memory._await_checkpoint(str(tmp_path), ended)
    assert memory._peak(ended) > 0


def test_waiting_for_a_checkpoint_ends_with_it(memory, tmp_path):
    checkpoint = tmp_path / "checkpoints" / "repetitions-000" / "epoch-0000-step-00000012"
    checkpoint.with_suffix(".tmp").mkdir(parents=True)
    waits = process(f"import os, time; time.sleep(0.3); os.mkdir({str(checkpoint)!r}); time.sleep(60)")
    memory._await_checkpoint(str(tmp_path), waits)
    assert checkpoint.is_dir() and waits.poll() is None
    waits.kill()
    waits.wait()


@pytest.mark.slow
def test_the_reference_setting_keeps_to_what_is_allowed():
    """A whole run, a stopped one and its resumption: 4.3 GB of memory, 6 GB of disk, five minutes."""
    command = [sys.executable, "-m", "benchmarks.memory"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["peak_bytes"]) == {"whole", "stopped", "resumed"}
    assert 0.5 < found["ratios"]["peak/allowed"] <= 1
    assert found["ratios"]["peak/planned"] <= 1
