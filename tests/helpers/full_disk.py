"""A disk that takes no more: a small file system where mounting is permitted, and a limit of the size of files anywhere."""

from __future__ import annotations

import contextlib
import io
import resource
import subprocess
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def small_disk(place: str, megabytes: float) -> Iterator[None]:
    """Mounts a file system of that size during the block; skips the test where that is not permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "tmpfs", place]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a file system is not permitted here: {error}")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Lets no file grow beyond a number of bytes during the block; what is printed goes to memory, as it may be a file too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
