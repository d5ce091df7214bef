from __future__ import annotations

import io
import random

import pytest
import zstandard

from mach_tf import zstd_file
from mach_tf.zstd_file import open_zstd

TEXT = b"".join(b"%d words, and more of them\n" % number for number in range(5000))


def _compress(text: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(text)


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize("piece", [1, 100, 1 << 12])
def test_frames_follow_each_other(monkeypatch, size, piece):
    monkeypatch.setattr(zstd_file, "_PIECE_BYTES", piece)
    text = TEXT[:3000] if size == 1 else TEXT
    data = _compress(text[:1500]) + _compress(b"") + b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + _compress(text[1500:])
    with open_zstd(io.BytesIO(data)) as file:
        assert b"".join(iter(lambda: file.read(size), b"")) == text


def test_a_path_and_text_are_opened_too(tmp_path):
    path = tmp_path / "a.zst"
    path.write_bytes(_compress("ä\nb\n".encode()))
    with open_zstd(str(path), "rt") as file:
        assert list(file) == ["ä\n", "b\n"]
    raw = open(path, "rb")  # noqa: SIM115
    with open_zstd(raw) as file:
        assert file.read() == "ä\nb\n".encode()
    assert not raw.closed
    raw.close()


@pytest.mark.parametrize("kept", [5, 100, -1, -4])
def test_a_file_that_is_cut_off_is_refused(kept):
    with pytest.raises(EOFError, match="ended before the end of its last frame"):
        open_zstd(io.BytesIO(_compress(TEXT)[:kept])).read()


@pytest.mark.parametrize("seed", range(200))
def test_damage_is_found_or_does_not_matter(seed):
    generator = random.Random(seed)
    text = generator.randbytes(100) + TEXT[:2000]
    data = bytearray(_compress(text))
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    try:
        found = open_zstd(io.BytesIO(bytes(data))).read()
    except (OSError, EOFError):
        return
    assert found == text


def test_memory_is_bounded_whatever_the_file_holds():
    data = _compress(bytes(1 << 28))
    with open_zstd(io.BytesIO(data)) as file:
        total = 0
        while block := file.read(1 << 20):
            assert len(file.raw._text) <= 1 << 27
            total += len(block)
    assert total == 1 << 28
