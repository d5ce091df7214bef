from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from mach_tf import staging
from mach_tf.errors import InputError
from tests.helpers.processes import holding, leftover


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
        path.chmod(0o2710)
    if before == "old":
        _fill(path, "old")
    with staging.staged(str(path)) as directory:
        assert not os.listdir(directory)
        _fill(directory, "new")
        if before == "old":
            assert (path / "file").read_text() == "old"
    assert (path / "file").read_text() == "new"
    assert before == "nothing" or path.stat().st_mode & 0o777 == 0o710
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


def test_what_came_to_the_place_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "made"

    def check() -> None:
        if path.exists():
            raise InputError("taken")

    with pytest.raises(InputError, match="taken"), staging.staged(str(path), check):
        path.mkdir()
        _fill(path, "mine")
    assert (path / "file").read_text() == "mine" and os.listdir(tmp_path) == ["made"]


def test_what_a_killed_run_left_is_removed(tmp_path):
    made, other = (leftover(str(tmp_path), target) for target in ("made", "another"))
    with staging.staged(str(tmp_path / "made")) as directory:
        assert not os.path.exists(made) and not os.listdir(directory)
    assert sorted(os.listdir(tmp_path)) == [os.path.basename(other), "made"]
    staging.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == ["made"]
    staging.remove_leftovers(str(tmp_path / "none"))


# Folders of the user's own, by their names and the content of a marker.
FOREIGN = [
    ("made.partial", None),
    ("made.0123abcd.partial", None),
    ("made.0123abcd.partial", "mine"),
    ("made.0123abcd.partial", json.dumps({"target": "made"})),
    ("made.partial", json.dumps({"made_by": "mach_tf", "target": "made"})),
    ("made.0123abcd.old", json.dumps({"made_by": "mach_tf", "target": "made"})),
    ("made.123.tmp", None),
]


@pytest.mark.parametrize(("name", "marker"), FOREIGN)
@pytest.mark.parametrize("linked", [False, True])
def test_a_foreign_folder_is_never_touched(tmp_path, name, marker, linked):
    mine = tmp_path / ("elsewhere" if linked else name)
    mine.mkdir()
    _fill(mine, "mine")
    if marker is not None:
        (mine / staging.MARKER).write_text(marker)
    if linked:
        (tmp_path / name).symlink_to("elsewhere")
    for error in (None, InputError):
        with pytest.raises(InputError) if error else staging.staged(str(tmp_path / "other")):
            if error:
                with staging.staged(str(tmp_path / "made")):
                    raise error
    with staging.staged(str(tmp_path / "made")):
        pass
    staging.remove_leftovers(str(tmp_path))
    assert (mine / "file").read_text() == "mine"


def test_a_marked_folder_behind_a_link_is_not_removed(tmp_path):
    os.rename(leftover(str(tmp_path), "made"), tmp_path / "elsewhere")
    (tmp_path / "made.0123abcd.partial").symlink_to("elsewhere")
    with staging.staged(str(tmp_path / "made")):
        pass
    assert (tmp_path / "elsewhere" / "new" / "file").read_text() == "half"


def test_a_second_run_at_the_same_time_is_refused_and_told_who_writes(tmp_path):
    path = str(tmp_path / "made")
    script = "from mach_tf import staging\nwith staging.staged(sys.argv[1]) as d: hold()"
    with holding(script, path) as other:
        with pytest.raises(InputError, match=rf"Another run is writing .*made: process {other.pid} on "):
            with staging.staged(path):
                pass
        assert len(os.listdir(tmp_path)) == 1  # the other's, untouched
        with staging.staged(f"{path}-too"):
            pass
    assert other.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["made", "made-too"]
    with staging.staged(path):
        pass


def test_of_runs_that_start_together_one_wins(tmp_path):
    script = (
        "import os, sys, time\nfrom mach_tf import errors, staging\nsys.stdin.readline()\n"
        "try:\n  with staging.staged(sys.argv[1]) as d: time.sleep(1)\n"
        "except errors.InputError: sys.exit(3)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "made")]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(3)]
    for run in runs:
        run.stdin.write(b"\n")
        run.stdin.flush()
    for run in runs:
        run.stdin.close()
    assert sorted(run.wait() for run in runs).count(0) >= 1
    assert os.listdir(tmp_path) == ["made"]


def test_a_link_to_a_directory_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with staging.staged(str(tmp_path / "link")) as directory:
        _fill(directory, "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "file").read_text() == "new"


def test_names_as_long_as_the_system_allows(tmp_path):
    for name in ("a" * 255, "ä" * 127):
        with staging.staged(str(tmp_path / name)):
            pass
    assert sorted(os.listdir(tmp_path)) == ["a" * 255, "ä" * 127]


def test_a_mount_point_is_refused_before_the_work():
    with pytest.raises(InputError, match="must not be a mount point"), staging.staged("/"):
        pytest.fail("the work began")


@pytest.fixture
def killed_in_removal(monkeypatch):
    """Whoever begins to remove a directory is killed."""

    def kill(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr("mach_tf.staging.shutil.rmtree", kill)
        yield patches


def test_a_directory_loses_its_name_before_its_files(tmp_path, killed_in_removal):
    path = tmp_path / "made"
    path.mkdir()
    with pytest.raises(KeyboardInterrupt):
        staging.discard(str(path))
    killed_in_removal.undo()
    assert not path.exists() and re.fullmatch(r"made\.[0-9a-f]{8}\.partial", *os.listdir(tmp_path))
    staging.remove_leftovers(str(tmp_path))
    assert not os.listdir(tmp_path)


def test_killed_while_the_old_one_is_removed(tmp_path, killed_in_removal):
    path = tmp_path / "made"
    path.mkdir()
    _fill(path, "old")
    with pytest.raises(KeyboardInterrupt), staging.staged(str(path)) as directory:
        _fill(directory, "new")
    killed_in_removal.undo()
    assert (path / "file").read_text() == "new"
    staging.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == ["made"]


def test_what_another_process_removes_is_removed(tmp_path):
    staging.discard(str(tmp_path / "none"))
    assert not os.listdir(tmp_path)


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "mine").mkdir()
    _fill(tmp_path / "mine", "mine")
    (tmp_path / "made").symlink_to("mine")
    staging.discard(str(tmp_path / "made"))
    assert os.listdir(tmp_path) == ["mine"] and (tmp_path / "mine" / "file").read_text() == "mine"
