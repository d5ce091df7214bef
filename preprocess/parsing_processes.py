"""Parses Python files in processes that end with their parent, however that ends, and leave interruptions to it."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Optional

from mach_tf import progress_bars
from mach_tf.errors import InputError
from preprocess import python_points

_FILES_PER_TASK = 16


def parse_files(paths: Sequence[str], workers: int) -> list[Optional[python_points.PythonFile]]:
    """Parses files in several processes.

    Args:
      paths: the files.
      workers: the number of processes.

    Returns:
      The content of each file; None for one that is not valid Python, or that was removed meanwhile.

    Raises:
      InputError: a process was ended from outside.
    """
    processes = max(1, min(workers, -(-len(paths) // _FILES_PER_TASK)))
    with concurrent.futures.ProcessPoolExecutor(processes, initializer=_end_with_parent) as pool:
        results = pool.map(_parse_file, paths, chunksize=_FILES_PER_TASK)
        try:
            return list(progress_bars.each(results, "Parsing", "file", len(paths)))
        except BrokenProcessPool:
            raise InputError(
                "A process that parses files was ended from outside, as the system does when the memory is full (with "
                f"workers={workers}). Lower workers, or free some memory."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _parse_file(path: str) -> Optional[python_points.PythonFile]:
    try:
        with open(path, "rb") as file:
            return python_points.read_source(file.read())
    except FileNotFoundError:  # removed since it was found
        return None


def _end_with_parent() -> None:
    """Prepares a worker process: it ignores SIGINT, which its parent reports, and ends when its parent is gone.

    A worker waits for its next task by a pipe that the workers hold open for each other, so that a parent that was killed
    would leave all of them waiting for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
