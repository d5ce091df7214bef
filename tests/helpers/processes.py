"""Processes that hold something while a test looks at it, and what killed processes leave."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from mach_tf import locks, staging

_HOLD = "import sys\ndef hold(): print('held', flush=True); sys.stdin.read()\n"


@contextlib.contextmanager
def holding(script: str, *arguments: str) -> Iterator[subprocess.Popen]:
    """Runs a script whose call of `hold()` returns at the end of the block."""
    command = [sys.executable, "-c", f"{_HOLD}{script}", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if not process.stdout.readline():
            raise RuntimeError(process.stderr.read().decode())
        yield process
        process.communicate()


def leftover(parent: str, target: str) -> str:
    """Makes the marked folder that a process leaves which is killed while it writes or removes a directory; returns its path."""
    folder = os.path.join(parent, f"{target}.0123abcd.partial")
    os.makedirs(os.path.join(folder, "new", "inner"))
    with open(os.path.join(folder, "new", "file"), "w") as file:
        file.write("half")
    os.close(locks.take(os.path.join(folder, staging.MARKER), target=target))
    return folder
