from __future__ import annotations

import bz2
import gzip
import hashlib
import itertools
import lzma
import os
import tarfile
import threading
import zipfile

import numpy as np
import pytest
import zstandard

from mach_tf.data import textfile
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError

COMPRESS = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def _text(lines: int = 400) -> bytes:
    random = np.random.default_rng(0)
    return b"".join(b"%d" % i + b"x" * random.integers(0, 90) + b"\n" for i in range(lines))


@pytest.mark.parametrize("how", COMPRESS)
@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("last_newline", [True, False])
def test_blocks_are_the_text_in_whole_lines(tmp_path, how, size, last_newline):
    text = _text() if last_newline else _text()[:-1]
    path = tmp_path / "file"
    path.write_bytes(COMPRESS[how](text))
    with TextFile(str(path)) as file:
        blocks = list(iter(lambda: file.block(size), b""))
        source = file.finish()
    assert b"".join(blocks) == _text()
    assert all(block.endswith(b"\n") for block in blocks)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.bytes == os.path.getsize(path)


@pytest.mark.parametrize(("count", "size"), itertools.product([1, 3, 150], [5, 1000, 1 << 20]))
def test_lines_and_blocks_mix(tmp_path, count, size):
    path = tmp_path / "file"
    path.write_bytes(_text())
    with TextFile(str(path)) as file:
        parts = []
        for turn in itertools.count():
            part = file.lines(count, size) if turn % 3 else file.block(size)
            if turn % 3 and part:
                assert part.count(b"\n") == count or sum(p.count(b"\n") for p in [*parts, part]) == 400
            if not part:
                break
            parts.append(part)
            assert file.text_bytes == sum(map(len, parts))
    assert b"".join(parts) == _text()


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_what_was_peeked_at_is_read_again(tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(_text())
    with TextFile(str(path)) as file:
        parts = []
        while peeked := file.peek(size):
            assert file.text_bytes == len(b"".join(parts))
            parts.append(file.lines(1))
            assert peeked.startswith(parts[-1])
            parts.append(file.block(size))
        assert file.line_count == 400
    assert b"".join(parts) == _text()


def test_members_of_a_gzip_file_follow_each_other(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\n"))
    with TextFile(str(path)) as file:
        assert file.block(1000) + file.block(1000) == b"a\nbc\n"


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("kept", [0.3, 0.9, -1])
def test_a_cut_off_compressed_file_is_refused(tmp_path, how, kept):
    path = tmp_path / "file"
    whole = COMPRESS[how](os.urandom(5000).hex().encode() + b"\n")
    path.write_bytes(whole[: int(len(whole) * kept) if kept > 0 else kept])
    with (
        TextFile(str(path)) as file,
        pytest.raises(InputError, match=f"{path}, after line 0: a compressed file must be whole .*cut off"),
    ):
        while file.block(1000):
            pass


@pytest.mark.parametrize("how", ["gz", "bz2", "xz", "zst"])
def test_a_damaged_compressed_file_is_refused(tmp_path, how):
    path = tmp_path / "file"
    for seed in range(50):  # what is unpacked may be no text any more
        data = bytearray(COMPRESS[how](np.random.default_rng(seed).bytes(5000).hex().encode() + b"\n"))
        data[len(data) // 2] ^= 255
        path.write_bytes(data)
        with TextFile(str(path)) as file, pytest.raises(InputError, match="a compressed file must be whole"):
            while file.block(1000):
                pass


@pytest.mark.parametrize("change", ["append", "touch", "replace", "remove", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, change):
    path = tmp_path / "file"
    path.write_bytes(_text())
    with TextFile(str(path)) as file:
        file.block(100)
        if change == "append":
            with open(path, "ab") as other:
                other.write(b"more\n")
        elif change == "touch":
            os.utime(path, ns=(1, 1))
        elif change == "replace":
            (tmp_path / "other").write_bytes(_text())
            os.replace(tmp_path / "other", path)
        elif change == "remove":
            os.remove(path)
        else:
            os.truncate(path, 200)
        while file.block(100):
            pass
        with pytest.raises(InputError, match="changed while it was read"):
            file.finish()


def _fill(path: str, content: bytes, piece: int) -> threading.Thread:
    def write() -> None:
        with open(path, "wb", buffering=0) as pipe:
            for begin in range(0, len(content), piece):
                pipe.write(content[begin : begin + piece])

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize("how", COMPRESS)
@pytest.mark.parametrize("piece", [3, 1 << 16])
def test_a_pipe_is_read_as_a_file_is(tmp_path, how, piece):
    content = COMPRESS[how](_text())
    os.mkfifo(tmp_path / "pipe")
    writer = _fill(str(tmp_path / "pipe"), content, piece)
    with TextFile(str(tmp_path / "pipe")) as file:
        blocks = list(iter(lambda: file.block(1000), b""))
        source = file.finish()
    writer.join()
    assert b"".join(blocks) == _text()
    assert source.bytes == len(content) and source.sha256 == hashlib.sha256(content).hexdigest()


def test_a_pipe_without_a_byte_is_not_called_an_empty_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = _fill(str(tmp_path / "pipe"), b"", 1)
    with pytest.raises(InputError, match=r"got a pipe without a byte\)\. Check the command that writes to it"):
        TextFile(str(tmp_path / "pipe"))
    writer.join()
    with pytest.raises(InputError, match=r"must be a regular file or a pipe \(got a device\)"):
        TextFile(os.devnull)


def test_what_is_read_twice_must_be_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"must be a regular file, because it is read more than once \(got a pipe\)"):
        textfile.check_regular(str(tmp_path / "pipe"))
    for path in (tmp_path / "file", tmp_path / "none", tmp_path):  # the last two are refused where they are opened
        textfile.check_regular(str(path))


@pytest.mark.parametrize("how", COMPRESS)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_an_archive_is_named_with_its_members(tmp_path, how, size):
    inside = tmp_path / "inside"
    inside.write_bytes(_text())
    with tarfile.open(tmp_path / "tar", "w") as archive:
        archive.add(inside, "train.txt")
    (tmp_path / "file").write_bytes(COMPRESS[how]((tmp_path / "tar").read_bytes()))
    with (
        TextFile(str(tmp_path / "file")) as file,
        pytest.raises(
            InputError, match=r"file must be text \(got a tar archive of train\.txt\)\. Extract it \(tar -xf"
        ),
    ):
        file.block(size)


def test_a_zip_archive_and_a_file_compressed_twice_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("train.txt", "1 2 3\n")
    (tmp_path / "twice").write_bytes(gzip.compress(bz2.compress(_text())))
    for name, kind in (("zip", "a zip archive of train.txt"), ("twice", "compressed by bzip2, inside another")):
        with TextFile(str(tmp_path / name)) as file, pytest.raises(InputError, match=kind):
            file.lines(1)


def test_refusals(tmp_path, monkeypatch):
    (tmp_path / "empty").touch()
    for name, rule in (
        ("empty", r"line 1: there must be a header \(got an empty file\)\. Write or download it again"),
        ("none", "must be a file"),
        (".", "must be a file"),
    ):
        with pytest.raises(InputError, match=rule):
            TextFile(str(tmp_path / name))
    monkeypatch.setattr(textfile, "MAX_LINE_BYTES", 1000)
    (tmp_path / "long").write_bytes(b"1 2 3\n" + b"x" * 3000)
    with TextFile(str(tmp_path / "long")) as file, pytest.raises(InputError, match="a line must be shorter than 1000"):
        while file.block(100):
            pass
