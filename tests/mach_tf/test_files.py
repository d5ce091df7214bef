from __future__ import annotations

import errno
import gzip
import hashlib
import os
import socket
import stat
import subprocess
import sys
import threading
import time

import pytest

from mach_tf import files
from mach_tf.errors import InputError


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


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o666])
def test_mode_and_owner_of_what_is_replaced_are_kept(tmp_path, mode):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    owned = os.geteuid() == 0
    if owned:
        os.chown(path, 1234, 2345)
    before = path.stat()
    with files.atomic_write(str(path)) as file:
        file.write(b"new")
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not owned or after.st_uid == 1234
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["file"]


def test_a_file_of_another_user_stays_theirs(tmp_path, monkeypatch):
    """Who may write it, but may not give a new file away, writes into it."""
    path = tmp_path / "file"
    path.write_text("a longer old text")
    inode = path.stat().st_ino
    monkeypatch.setattr(files, "keep_owner_and_mode", lambda *_: False)
    with pytest.raises(RuntimeError), files.atomic_write(str(path)) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "a longer old text"
    with files.atomic_write(str(path)) as file:
        file.write(b"new")
    assert path.read_text() == "new" and path.stat().st_ino == inode and os.listdir(tmp_path) == ["file"]


def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    with files.atomic_write(str(tmp_path / "file")) as file:
        file.write(b"new")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_that_is_protected_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o444)
    monkeypatch.setattr(files.os, "access", lambda *_: False)  # what it is for other users than root
    with pytest.raises(PermissionError) as raised, files.atomic_write(str(path)):
        pass
    assert raised.value.filename == str(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_resolved(tmp_path, exists):
    (tmp_path / "folder").mkdir()
    if exists:
        (tmp_path / "folder" / "real").write_text("old")
    (tmp_path / "folder" / "link").symlink_to("real")
    (tmp_path / "link").symlink_to(os.path.join("folder", "link"))
    with files.atomic_write(str(tmp_path / "link")) as file:
        file.write(b"new")
    assert (tmp_path / "folder" / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "link").is_symlink()
    assert sorted(os.listdir(tmp_path / "folder")) == ["link", "real"]


@pytest.mark.parametrize("name", ["file.{pid}.tmp", "file.tmp"])
def test_no_link_at_a_temporary_name_is_followed(tmp_path, name):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / name.format(pid=os.getpid())).symlink_to("mine")
    with files.atomic_write(str(tmp_path / "file")) as file:
        file.write(b"new")
    assert (tmp_path / "mine").read_text() == "mine" and (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("name", ["a" * 255, "ä" * 127])
def test_a_name_as_long_as_the_system_allows(tmp_path, name):
    with files.atomic_write(str(tmp_path / name)) as file:
        file.write(b"new")
    assert os.listdir(tmp_path) == [name]


def _make_device(path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError as error:
        pytest.skip(f"making a device is not permitted here: {error}")


@pytest.mark.parametrize("linked", [False, True])
def test_a_device_is_written_through(tmp_path, linked):
    _make_device(tmp_path / "null")
    (tmp_path / "link").symlink_to("null")
    with files.atomic_write(str(tmp_path / ("link" if linked else "null"))) as file:
        file.write(b"new")
    assert stat.S_ISCHR((tmp_path / "null").stat().st_mode) and (tmp_path / "link").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link", "null"]


@pytest.mark.parametrize("late", [False, True])
def test_a_named_pipe_is_written_through(tmp_path, late, monkeypatch):
    monkeypatch.setattr(files, "_READER_SECONDS", 60.0)
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    got = []

    def read() -> None:
        time.sleep(0.3 * late)
        with open(path, "rb") as file:
            got.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    with files.atomic_write(path) as file:
        file.write(b"new" * 100_000)
    reader.join()
    assert got == [b"new" * 100_000] and stat.S_ISFIFO(os.stat(path).st_mode)


def test_a_named_pipe_that_nobody_reads_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_READER_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe must have a reader, .*Start the program that reads it first"):
        with files.atomic_write(str(tmp_path / "pipe")):
            pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_socket_and_a_directory_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        with pytest.raises(InputError, match="must be a file to write, but it is a socket"):
            with files.atomic_write("socket"):
                pass
        assert stat.S_ISSOCK(os.stat("socket").st_mode)
    with pytest.raises(InputError, match="but it is a directory"), files.atomic_write(str(tmp_path)):
        pass


WRITE = "import sys\nfrom mach_tf import files\nwith files.atomic_write(sys.argv[1]) as file: file.write(b'new')\nprint('said')"


@pytest.mark.parametrize(
    ("output", "expected"), [("/dev/stdout", "old newsaid\n"), ("/dev/fd/1", "old newsaid\n"), ("log", "old newsaid\n")]
)
def test_what_the_shell_appends_to_is_appended_to(tmp_path, output, expected):
    """`program --output=/dev/stdout >>log` keeps the log, and what the program prints comes behind."""
    log = tmp_path / "log"
    log.write_text("old ")
    with open(log, "ab") as file:
        path = str(log) if output == "log" else output
        subprocess.run([sys.executable, "-c", WRITE, path], stdout=file, check=True)
    assert log.read_text() == expected and os.listdir(tmp_path) == ["log"]


def test_a_pipe_of_the_shell_is_written_through():
    done = subprocess.run([sys.executable, "-c", WRITE, "/dev/stdout"], capture_output=True, check=True)
    assert done.stdout == b"newsaid\n"


def test_an_output_in_no_folder_is_named_as_given(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, files.atomic_write(str(tmp_path / "none" / "file")):
        pass
    assert raised.value.filename == str(tmp_path / "none" / "file")


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
        (gzip.compress(b"a\nb\nc\n", mtime=0), r"got a file compressed by gzip\)\. Decompress it"),
        (b"a\n\x00\nc\n", r"one name per line \(it holds zero bytes\)\."),
        (b"\x00a\nb\nc\n", r"got binary data"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path, content, rule):
    (tmp_path / "names").write_bytes(content)
    with pytest.raises(InputError, match=rule):
        files.read_names(str(tmp_path / "names"), 3, "labels")


@pytest.mark.parametrize("number", [777, 10**30])
def test_a_stream_that_is_not_open_is_refused(number):
    with pytest.raises(InputError, match=rf"^/dev/fd/{number} must be an open stream of this process"):
        with files.atomic_write(f"/dev/fd/{number}"):
            pass


def test_a_file_holds_no_json_file():
    with pytest.raises(InputError, match=r"^/dev/null/model\.json does not exist: /dev/null holds no model\.$"):
        files.read_json("/dev/null/model.json", "model")


@pytest.mark.parametrize(("path", "kind"), [("/dev/null", "device"), ("/", "directory")])
def test_json_is_in_a_regular_file(path, kind):
    with pytest.raises(InputError, match=rf"^{path} must be a regular file \(got a {kind}\)\. Check the path\.$"):
        files.read_json(path, "model")


def test_a_full_disk_is_named_by_the_output():
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        with files.atomic_write("/dev/full") as file:
            file.write(b"some text")


def test_another_error_of_the_block_keeps_its_own_name(tmp_path):
    with pytest.raises(OSError, match="Input/output error") as raised:
        with files.atomic_write(str(tmp_path / "new")):
            raise OSError(errno.EIO, "Input/output error")
    assert raised.value.filename is None and os.listdir(tmp_path) == []
