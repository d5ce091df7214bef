from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys

import pytest

from mach_tf import locks
from mach_tf.errors import InputError
from tests.helpers.processes import holding

HOLD = "from mach_tf import locks\nwith locks.exclusive(sys.argv[1], repetitions=[2, 3]): hold()"


def test_the_second_is_told_who_holds_it(tmp_path):
    path = str(tmp_path / "lock")
    with holding(HOLD, path) as other:
        assert locks.take(path) is None and locks.is_held(path)
        assert locks.read(path)["repetitions"] == [2, 3]
        with pytest.raises(InputError, match=rf"is in use by process {other.pid} on .+, started 2\d{{3}}-"):
            with locks.exclusive(path):
                pass
    assert not os.listdir(tmp_path) and not locks.is_held(path)


def test_it_waits_as_long_as_it_is_told(tmp_path):
    path = str(tmp_path / "lock")
    script = f"import sys\n{HOLD}".replace("hold()", "print(1, flush=True), __import__('time').sleep(0.3)")
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with locks.exclusive(path, seconds=30):
            assert locks.read(path)["process"] == os.getpid()
        assert other.wait() == 0, "the first one removes its own file only"
    assert not os.listdir(tmp_path)


def test_a_killed_process_holds_nothing(tmp_path):
    path = str(tmp_path / "lock")
    with holding(HOLD, path) as other:
        other.kill()
        other.wait()
    assert os.path.exists(path) and not locks.is_held(path)
    with locks.exclusive(path):
        assert locks.read(path)["process"] == os.getpid()
    assert not os.listdir(tmp_path)


def test_two_that_ask_do_not_take_each_other_for_the_holder(tmp_path):
    path = str(tmp_path / "lock")
    os.close(locks.take(path))
    descriptor = os.open(path, os.O_RDWR)
    assert locks.lock(descriptor, path, fcntl.LOCK_SH)
    assert not locks.is_held(path)
    os.close(descriptor)


@pytest.mark.parametrize("content", ["my notes", "{}", '{"made_by": "me"}', "[" * 10_000])
def test_a_foreign_file_is_neither_taken_nor_removed(tmp_path, content):
    path = tmp_path / "lock"
    path.write_text(content)
    with pytest.raises(InputError, match="must be a lock file of mach_tf"), locks.exclusive(str(path)):
        pass
    assert path.read_text() == content and locks.read(str(path)) is None


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "lock").symlink_to("mine")
    with pytest.raises(OSError, match="symbolic links"), locks.exclusive(str(tmp_path / "lock")):
        pass
    assert (tmp_path / "mine").read_text() == "mine" and locks.read(str(tmp_path / "lock")) is None


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="no locks .*do not start two runs"), locks.exclusive(str(tmp_path / "lock")):
        pass
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("content", [None, "", "[1]", json.dumps({"made_by": "mach_tf"})])
def test_an_owner_without_a_name(tmp_path, content):
    path = tmp_path / "lock"
    if content is not None:
        path.write_text(content)
    assert locks.owner(str(path)) == "another process"


def test_shared_locks_bear_each_other_but_no_exclusive_one(tmp_path):
    path = str(tmp_path / "lock")
    script = "from mach_tf import locks\nwith locks.shared(sys.argv[1]): hold()"
    with holding(script, path) as other:
        with locks.shared(path):
            assert locks.take(path) is None
        assert os.path.exists(path), "the last one removes it"
        with pytest.raises(InputError, match="is in use by another process"), locks.exclusive(path):
            pass
        other.kill()
        other.wait()
    with locks.exclusive(path), pytest.raises(InputError, match=f"is in use by process {os.getpid()}"):
        with locks.shared(path):
            pass
    with locks.shared(path):
        assert locks.read(path) is None
    assert not os.listdir(tmp_path)


def test_a_strangers_file_is_not_emptied(tmp_path):
    path = tmp_path / "lock"
    path.write_text("mine")
    with pytest.raises(InputError, match="must be a lock file"), locks.shared(str(path)):
        pass
    assert path.read_text() == "mine"
