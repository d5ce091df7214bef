from __future__ import annotations

import os

import pytest

from mach_tf import files


def test_an_atomic_directory_appears_whole(tmp_path):
    path = tmp_path / "made"
    with files.atomic_directory(str(path)) as temporary:
        os.mkdir(os.path.join(temporary, "inner"))
        with open(os.path.join(temporary, "inner", "file"), "w") as file:
            file.write("x")
        assert not path.exists()
    assert (path / "inner" / "file").read_text() == "x"
    assert os.listdir(tmp_path) == ["made"]


def test_a_failed_atomic_directory_leaves_the_old_one(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").touch()
    with pytest.raises(RuntimeError), files.atomic_directory(str(tmp_path / "made")):
        raise RuntimeError
    assert os.listdir(tmp_path) == ["made"]
    assert os.listdir(tmp_path / "made") == ["old"]
