from __future__ import annotations

import os
import threading

import pytest

from mach_tf import files, input_files
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.input_files import open_input


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(input_files, "_SECONDS", 0.05)


def read(path):
    with open_input(str(path)) as file:
        return b"".join(iter(lambda: file.read(100), b""))


def test_a_regular_file_is_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    assert read(tmp_path / "a") == b"text"
    with pytest.raises(FileNotFoundError):
        open_input(str(tmp_path / "missing"))
    with pytest.raises(IsADirectoryError):
        open_input(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"text", b"x" * 300_000], ids=["empty", "short", "longer than the pipe"])
def test_a_pipe_is_read_to_its_end(tmp_path, monkeypatch, content):
    monkeypatch.setattr(input_files, "_SECONDS", 10)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    assert read(tmp_path / "pipe") == content
    writer.join()


@pytest.mark.parametrize("reader", [open_input, TextFile, lambda path: files.read_names(path, 3, "labels")])
def test_a_pipe_without_a_writer_and_a_device_are_refused(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="must be a pipe that a program writes to"):
        reader(str(tmp_path / "pipe"))
    with pytest.raises(InputError, match="got a device"):
        reader("/dev/zero")


def test_a_names_file_without_end_of_line_is_not_read_whole(tmp_path, monkeypatch):
    # A few names may be long, up to this many bytes together.
    monkeypatch.setattr(files, "_MOST_JSON_BYTES", 0)
    with open(tmp_path / "names", "wb") as file:
        file.truncate(1 << 40)  # of zeros that take no space
    with pytest.raises(InputError, match=r"one name per line \(got more than 262144 bytes\)"):
        files.read_names(str(tmp_path / "names"), 3, "labels")
