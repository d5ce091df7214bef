"""Members of zip archives are read in place, and archives that are hostile or damaged are refused by name."""

from __future__ import annotations

import io
import os
import pathlib
import random
import struct
import zipfile

import pytest

from mach_tf import files, zip_members
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.input_files import open_input
from mach_tf.zip_members import Member, MemberPath

TEXT = b"".join(b"line %d\n" % i for i in range(5000))
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def archive(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return str(path)


def read(path, size=100):
    with open_input(path) as file:
        return b"".join(iter(lambda: file.read(size), b""))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [7, 1 << 20])
def test_a_member_is_read_as_the_extracted_file(tmp_path, method, size):
    path = archive(tmp_path / "a.zip", [("E/x.txt", TEXT), ("E/empty", b"")], METHODS[method])
    assert read(f"{path}/E/x.txt", size) == TEXT and read(f"{path}/E/empty") == b""
    assert zip_members.size(f"{path}/E/x.txt") == len(TEXT)
    (tmp_path / "x.txt").write_bytes(TEXT)
    assert files.sha256(f"{path}/E/x.txt") == files.sha256(str(tmp_path / "x.txt"))
    with TextFile(f"{path}/E/x.txt") as file:
        assert b"".join(iter(lambda: file.block(size), b"")) == TEXT
        source = file.finish()
    assert (source.path, source.bytes) == (f"{path}/E/x.txt", len(TEXT)) and file.size == len(TEXT)


def test_paths_that_lead_into_an_archive(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", [("E/x.txt", TEXT), ("empty", b"")])
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("text")
    assert zip_members.split(f"{path}/E/x.txt") == MemberPath(path, "E/x.txt")
    assert zip_members.on_disk(f"{path}/E/x.txt") == path and zip_members.on_disk(path) == path
    for other in (
        path,
        str(tmp_path / "folder"),
        f"{tmp_path}/text/x",
        "missing",
        "/missing/x",
        f"{tmp_path}/no.zip/x",
    ):
        assert zip_members.split(other) is None
    assert zip_members.exists(path) and zip_members.exists(f"{path}/E/x.txt")
    assert not zip_members.exists(f"{path}/x.txt") and not zip_members.exists(f"{path}/E")
    assert zip_members.is_empty(f"{path}/empty") and not zip_members.is_empty(f"{path}/E/x.txt")
    assert not any(
        map(zip_members.is_empty, (path, f"{path}/missing", str(tmp_path / "folder"), "missing", "/dev/null"))
    )
    monkeypatch.chdir(tmp_path)
    assert read("a.zip/E/x.txt") == TEXT
    for opened in (open_input, zip_members.size):
        with pytest.raises(FileNotFoundError):
            opened(f"{path}/E/y.txt")


@pytest.mark.parametrize("name", ["../x.txt", "/etc/passwd", "a/../../x.txt", "C:\\x.txt", "a\nb", "a//b", "./x", "d/"])
def test_names_that_leave_the_archive_are_no_members(tmp_path, name):
    (tmp_path / "x.txt").write_text("outside")
    path = archive(tmp_path / "a.zip", [(name, TEXT), ("fine.txt", TEXT)])
    assert zip_members.members(path) == [Member("fine.txt", len(TEXT))]
    assert not zip_members.exists(os.path.join(path, name.lstrip("/")))
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        read(f"{path}/{name}")
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "x.txt"]


def test_two_members_of_one_name_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = archive(tmp_path / "a.zip", [("x", b"1"), ("x", b"2")])
    with pytest.raises(InputError, match=r"a\.zip/x must be one member of its archive \(got 2 of that name\)"):
        read(f"{path}/x")


def _patched(path, member, offset, value):
    """Overwrites bytes of the two headers of the first member, at offsets of the local header."""
    file = pathlib.Path(path)
    data = bytearray(file.read_bytes())
    for mark, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        at = data.index(mark) + offset + shift
        data[at : at + len(value)] = value
    file.write_bytes(data)
    return f"{path}/{member}"


def test_encrypted_and_unknown_compression_are_refused(tmp_path):
    path = archive(tmp_path / "a.zip", [("x", TEXT)])
    with pytest.raises(InputError, match="without a password"):
        read(_patched(path, "x", 6, struct.pack("<H", 1)))
    path = archive(tmp_path / "b.zip", [("x", TEXT)])
    with pytest.raises(InputError, match="stored or compressed by deflate, bzip2 or LZMA"):
        read(_patched(path, "x", 8, struct.pack("<H", 97)))


@pytest.mark.parametrize("change", [-1, 1, 1 << 20])
def test_a_member_is_as_long_as_the_list_says(tmp_path, change):
    """Of a bomb that says it is small nothing more is unpacked; of one that says it is large the end is missing."""
    path = archive(tmp_path / "a.zip", [("x", TEXT)])
    with pytest.raises(InputError, match=r"a\.zip/x, after byte \d+: a member of a zip archive must be whole"):
        read(_patched(path, "x", 22, struct.pack("<I", len(TEXT) + change)))


def test_a_bomb_is_streamed(tmp_path):
    path = archive(tmp_path / "a.zip", [("x", b"\n" * (1 << 25))])
    assert os.path.getsize(path) < 1 << 16
    largest = 0
    with open_input(f"{path}/x") as file:
        while piece := file.read(1 << 16):
            largest = max(largest, len(piece))
    assert largest == 1 << 16


def test_a_list_of_members_too_long_to_hold_is_refused(tmp_path, monkeypatch):
    path = archive(tmp_path / "a.zip", [(f"member {i}", b"") for i in range(100)])
    monkeypatch.setattr(zip_members, "_MOST_LIST_BYTES", 1000)
    with pytest.raises(InputError, match=r"must be a whole zip archive \(got a list of members of \d+ bytes\)"):
        zip_members.members(path)


@pytest.mark.parametrize("method", METHODS)
def test_damage_is_found_or_harmless(tmp_path, method):
    """Cut off or with flipped bits, an archive gives the whole text or is refused; nothing else."""
    whole = io.BytesIO()
    archive(whole, [("E/x.txt", TEXT[:3000])], METHODS[method])
    rng = random.Random(0)
    refused = 0
    for turn in range(150):
        data = bytearray(whole.getvalue())
        if turn % 3:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        else:
            del data[rng.randrange(len(data)) :]
        path = tmp_path / f"{turn}.zip"
        path.write_bytes(data)
        try:
            assert read(f"{path}/E/x.txt") == TEXT[:3000]
        except (InputError, FileNotFoundError, NotADirectoryError):
            refused += 1
    assert refused > 75
