from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
from mach_tf import errors
from mach_tf.programs import program
def main(argv):
    {body}
program.run(main)
"""


def run(body, *arguments):
    command = [sys.executable, "-c", _PROGRAM.format(body=body), *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.parametrize(
    ("body", "status", "message", "trace"),
    [
        ("pass", 0, "", False),
        ("raise errors.InputError('mend this')", 1, "error: mend this", False),
        ("raise OSError(28, 'No space left on device', 'there')", 1, "No space left on device: 'there'", False),
        ("raise KeyError('a defect')", 1, "KeyError: 'a defect'", True),
    ],
)
def test_what_the_user_can_mend_comes_without_a_trace(body, status, message, trace):
    done = run(body)
    assert done.returncode == status
    assert message in done.stderr
    assert ("Traceback" in done.stderr) == trace


def test_an_argument_that_is_no_flag_is_refused():
    done = run("pass", "input.txt")
    assert done.returncode == 1
    assert "every input is named by a flag" in done.stderr
