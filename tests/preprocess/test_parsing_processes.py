from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from mach_tf.errors import InputError
from preprocess import parsing_processes
from tests.helpers.waiting import until

_PARENT = """
import concurrent.futures, os, time
from preprocess.parsing_processes import _end_with_parent as end_with_parent
def work(_):
    time.sleep(0.05)
    return os.getpid()
if __name__ == "__main__":
    pool = concurrent.futures.ProcessPoolExecutor(3, initializer=end_with_parent)
    started = set()
    while len(started) < 3:
        started.update(pool.map(work, range(9)))
    print(*started, flush=True)
    time.sleep(600)
"""


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    (tmp_path / "parent.py").write_text(_PARENT)
    command = [sys.executable, str(tmp_path / "parent.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        try:
            workers = [int(pid) for pid in parent.stdout.readline().split()]
            for pid in workers:
                os.kill(pid, signal.SIGINT)  # they leave it to their parent
            time.sleep(0.5)
            assert len(workers) == 3 and all(map(_alive, workers))
        finally:
            parent.kill()
    until(lambda: not any(map(_alive, workers)))


def test_files_are_parsed_in_order(tmp_path):
    paths = []
    for number in range(40):
        paths.append(str(tmp_path / f"{number}.py"))
        (tmp_path / f"{number}.py").write_text(f"import m{number}\n" if number != 7 else "import (")
    paths.append(str(tmp_path / "gone.py"))
    found = parsing_processes.parse_files(paths, workers=1000)
    assert [content and content.imports for content in found] == [
        None if number in (7, 40) else [f"m{number}"] for number in range(41)
    ]


def _die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_was_ended_is_named(monkeypatch):
    monkeypatch.setattr(parsing_processes, "_parse_file", _die)
    with pytest.raises(InputError, match=r"ended from outside.*workers=2"):
        parsing_processes.parse_files(["a.py"] * 40, workers=2)
