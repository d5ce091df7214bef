from __future__ import annotations

import bz2
import gzip
import hashlib
import itertools
import lzma
import os

import numpy as np
import pytest

from mach_tf.data import textfile
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError

COMPRESS = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


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


def test_members_of_a_gzip_file_follow_each_other(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\n"))
    with TextFile(str(path)) as file:
        assert file.block(1000) + file.block(1000) == b"a\nbc\n"


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
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


@pytest.mark.parametrize("how", ["gz", "bz2", "xz"])
def test_a_damaged_compressed_file_is_refused(tmp_path, how):
    path = tmp_path / "file"
    data = bytearray(COMPRESS[how](os.urandom(5000).hex().encode() + b"\n"))
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


def test_refusals(tmp_path, monkeypatch):
    (tmp_path / "empty").touch()
    for name, rule in (
        ("empty", "line 1: there must be a header"),
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
