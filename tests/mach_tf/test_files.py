from __future__ import annotations

import gzip
import hashlib
import os

import pytest

from mach_tf import files
from mach_tf.errors import InputError


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


def test_an_atomic_directory_takes_the_place_of_the_old_one(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").touch()
    with files.atomic_directory(str(tmp_path / "made")) as temporary:
        open(os.path.join(temporary, "new"), "w").close()
    assert os.listdir(tmp_path) == ["made"] and os.listdir(tmp_path / "made") == ["new"]


@pytest.fixture
def killed_in_removal(monkeypatch):
    """Whoever begins to remove a directory is killed."""

    def kill(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr("mach_tf.files.shutil.rmtree", kill)
        yield patches


def test_a_directory_loses_its_name_before_its_files(tmp_path, killed_in_removal):
    path = str(tmp_path / "made")
    os.mkdir(path)
    with pytest.raises(KeyboardInterrupt):
        files.remove_directory(path)
    killed_in_removal.undo()
    assert not os.path.exists(path) and os.listdir(tmp_path)
    os.mkdir(f"{path}er.1.tmp")
    files.remove_temporaries(f"{path}.")
    assert os.listdir(tmp_path) == ["madeer.1.tmp"]


def test_a_new_directory_is_in_place_before_the_old_one_is_removed(tmp_path, killed_in_removal):
    path = tmp_path / "made"
    path.mkdir()
    with pytest.raises(KeyboardInterrupt), files.atomic_directory(str(path)) as temporary:
        open(os.path.join(temporary, "new"), "w").close()
    assert os.listdir(path) == ["new"]


def test_what_another_process_removes_is_removed(tmp_path):
    files.remove_directory(str(tmp_path / "none"))


def test_an_atomic_write_appears_whole(tmp_path):
    path = str(tmp_path / "file")
    with files.atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert not os.path.exists(path)
    with open(path, "rb") as file:
        assert file.read() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_atomic_write_leaves_the_old_one(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(RuntimeError), files.atomic_write(str(tmp_path / "file")) as file:
        file.write(b"half")
        raise RuntimeError
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("value", [{}, {"a": [1, 2.5, "ö", None, True]}])
def test_json_round_trip(tmp_path, value):
    files.write_json(str(tmp_path / "file"), value)
    assert files.read_json(str(tmp_path / "file"), "thing") == value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_json_does_not_know(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(str(tmp_path / "file"), {"a": value})
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "holds no thing"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[1]", "must hold a JSON object"),
    ],
)
def test_what_is_not_a_json_object_is_refused(tmp_path, content, rule):
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=rule):
        files.read_json(str(tmp_path / "file"), "thing")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_sha256(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    assert files.sha256(str(tmp_path / "file")) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("content", ["a\nö b\nc\n", "a\nö b\nc", "a\r\nö b\r\nc\r\n", "\ufeffa\nö b\nc\n"])
def test_names(tmp_path, content):
    (tmp_path / "names").write_bytes(content.encode())
    assert files.read_names(str(tmp_path / "names"), 3, "labels") == ["a", "ö b", "c"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"a\nb\n", "must name the 3 labels, one per line .got 2"),
        (b"a\nb\nc\n\n", "got 4"),
        (b"a\n\xff\nc\n", "must be UTF-8 text, one name per line .*invalid start byte"),
        ("a\nb\nc\n".encode("utf-16"), r"must be UTF-8 text, one name per line \(got text in UTF-16\)\. Convert it"),
        (gzip.compress(b"a\nb\nc\n"), r"got a file compressed by gzip\)\. Decompress it"),
        (b"a\n\x00\nc\n", r"one name per line \(it holds zero bytes\)\."),
        (b"\x00a\nb\nc\n", r"got binary data"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path, content, rule):
    (tmp_path / "names").write_bytes(content)
    with pytest.raises(InputError, match=rule):
        files.read_names(str(tmp_path / "names"), 3, "labels")
