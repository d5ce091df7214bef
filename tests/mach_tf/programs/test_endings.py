from __future__ import annotations

import signal

import numpy as np
import pytest

from mach_tf.errors import InputError
from mach_tf.programs.endings import INTERRUPTED, os_error, status_of


@pytest.fixture(autouse=True)
def interruptible(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (InputError("k must be 1 or more (got 0)."), 1, "error: k must be 1 or more (got 0).\n"),
        (SystemExit(), 0, ""),
        (SystemExit(143), 143, ""),
        (SystemExit("error: a flag"), 1, "error: a flag\n"),
        (KeyboardInterrupt(), INTERRUPTED, "Interrupted. Results appear only"),
        (FileNotFoundError(2, "No such file or directory", "a"), 1, "error: [Errno 2] No such file or directory: 'a'"),
        (BrokenPipeError(32, "Broken pipe"), 1, "error: [Errno 32] Broken pipe."),
        (RecursionError("too deep"), 1, "error: RecursionError: too deep. This is a defect of mach_tf"),
        (AssertionError(), 1, "error: AssertionError. This is a defect"),
        (ValueError("two\nlines " + "x" * 9000), 1, "error: ValueError: two lines xxx"),
        (
            np.core._exceptions._ArrayMemoryError((1 << 40,), np.dtype(float)),
            1,
            "error: The memory does not suffice (MemoryError: Unable",
        ),
    ],
)
def test_each_end_has_one_line_and_a_status(capsys, error, status, shown):
    assert status_of(error, "mach-test") == status
    written = capsys.readouterr().err
    assert written.startswith(shown) and written.count("\n") == bool(shown) and len(written) < 1000


def test_a_trace_is_saved_where_it_can_be(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    monkeypatch.chdir(tmp_path)
    status_of(KeyError("a"), "mach-test")
    (path,) = tmp_path.glob("mach-test-trace-*.txt")
    assert path.name in capsys.readouterr().err
    monkeypatch.setattr("os.curdir", "/proc/nowhere")
    status_of(KeyError("a"), "mach-test")
    assert "could not be saved" in capsys.readouterr().err


def test_an_os_error_without_a_path_is_named():
    assert os_error(OSError(28, "No space left on device")).startswith("[Errno 28] No space left on device.")
    assert os_error(IsADirectoryError(21, "Is a directory", b"/tmp")).startswith("/tmp must be a file")
    assert "must be a directory" in os_error(NotADirectoryError(20, "Not a directory", "/dev/null/x"))
