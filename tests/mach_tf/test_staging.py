from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mach_tf.data import staging
from mach_tf.errors import InputError


def _fill(directory, text: str) -> None:
    with open(os.path.join(directory, "file"), "w") as file:
        file.write(text)


@pytest.mark.parametrize("before", ["nothing", "empty", "old"])
@pytest.mark.parametrize("can_exchange", [True, False])
def test_takes_its_place_at_the_end(tmp_path, monkeypatch, before, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(staging, "_exchange", lambda first, second: False)
    path = tmp_path / "made"
    if before != "nothing":
        path.mkdir()
    if before == "old":
        _fill(path, "old")
    with staging.staged(str(path)) as directory:
        assert not os.listdir(directory)
        _fill(directory, "new")
        if before == "old":
            assert (path / "file").read_text() == "old"
    assert (path / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["made"]


def test_exchange_swaps_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _fill(tmp_path / name, name)
    if not staging._exchange(str(tmp_path / "a"), str(tmp_path / "b")):
        pytest.skip("this file system cannot exchange names")
    assert (tmp_path / "a" / "file").read_text() == "b" and (tmp_path / "b" / "file").read_text() == "a"


@pytest.mark.parametrize("old", [True, False])
def test_an_error_leaves_everything_as_it_was(tmp_path, old):
    path = tmp_path / "made"
    if old:
        path.mkdir()
        _fill(path, "old")
    with pytest.raises(KeyboardInterrupt), staging.staged(str(path)) as directory:
        _fill(directory, "new")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == (["made"] if old else [])
    assert not old or (path / "file").read_text() == "old"


def test_what_a_killed_run_left_is_cleared(tmp_path):
    leftover = tmp_path / "made.partial"
    (leftover / "inner").mkdir(parents=True)
    _fill(leftover, "half")
    with staging.staged(str(tmp_path / "made")) as directory:
        assert os.path.samefile(directory, leftover) and not os.listdir(directory)
    assert os.listdir(tmp_path) == ["made"]


def test_a_second_run_at_the_same_time_is_refused(tmp_path):
    script = (
        "import sys; from mach_tf.data import staging\n"
        "with staging.staged(sys.argv[1]) as d: print(d, flush=True); sys.stdin.read()"
    )
    path = str(tmp_path / "made")
    with subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(InputError, match="Another run is writing"), staging.staged(path):
            pass
        assert os.path.isdir(f"{path}.partial")  # the other's, untouched
        other.communicate()
        assert other.returncode == 0
    assert os.listdir(tmp_path) == ["made"]
    with staging.staged(path):
        pass


def test_a_link_to_a_directory_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with staging.staged(str(tmp_path / "link")) as directory:
        _fill(directory, "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "file").read_text() == "new"
