"""Recognises files that are not plain text by their first bytes: archives, compressed files, binary formats, web pages.

A person who gives such a file gets its kind, its members and the command that turns it into text, instead of a rule that its
bytes break.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Optional

from mach_tf import zstd_file

# The number of first bytes that `recognise` needs: the header of a tar archive.
HEAD_BYTES = 512

_SHOWN_MEMBERS = 3
# A compressed tar archive is decompressed up to this point for the names of its members.
_SEARCHED_BYTES = 1 << 26
_EXTRACT = "Extract it ({command}), and give the text that it holds."
_DECOMPRESS = "Decompress it ({command} > FILE), and give FILE."


class FileKind(NamedTuple):
    """The kind of a file that is not plain text.

    Attributes:
      name: what it is, with an article: "a zip archive of a.txt and b.txt".
      advice: what to do with it, a sentence.
    """

    name: str
    advice: str


class _Mark(NamedTuple):
    first_bytes: bytes
    name: str
    advice: str


_LOAD = "Load it, and give the matrices to mach_tf.write_dataset."
_DOWNLOAD = "Download the file itself."
_PARQUET = b"PAR1"
_MARKS = (
    _Mark(
        b"PK\x03\x04", "a zip archive", "Give the text in it by its path, {path}/MEMBER, or extract it (unzip {path})."
    ),
    _Mark(b"PK\x05\x06", "an empty zip archive", "Download it again."),
    _Mark(b"\x1f\x8b", "a file compressed by gzip", _DECOMPRESS.format(command="gunzip -c {path}")),
    _Mark(b"BZh", "a file compressed by bzip2", _DECOMPRESS.format(command="bunzip2 -c {path}")),
    _Mark(b"\xfd7zXZ\x00", "a file compressed by xz", _DECOMPRESS.format(command="xz -dc {path}")),
    _Mark(b"\x5d\x00\x00", "a file compressed by lzma", _DECOMPRESS.format(command="xz -dc --format=lzma {path}")),
    _Mark(b"\x28\xb5\x2f\xfd", "a file compressed by Zstandard", _DECOMPRESS.format(command="zstd -dc {path}")),
    _Mark(b"\x04\x22\x4d\x18", "a file compressed by LZ4", _DECOMPRESS.format(command="lz4 -dc {path}")),
    _Mark(b"LZIP", "a file compressed by lzip", _DECOMPRESS.format(command="lzip -dc {path}")),
    _Mark(b"\x1f\x9d", "a file compressed by compress", _DECOMPRESS.format(command="uncompress -c {path}")),
    _Mark(b"7z\xbc\xaf\x27\x1c", "a 7z archive", _EXTRACT.format(command="7z x {path}")),
    _Mark(b"Rar!\x1a\x07", "a RAR archive", _EXTRACT.format(command="unrar x {path}")),
    _Mark(b"\x93NUMPY", "a NumPy array", _LOAD),
    _Mark(b"\x89HDF\r\n\x1a\n", "an HDF5 file", _LOAD),
    _Mark(b"MATLAB 5.0 MAT-file", "a MATLAB file", _LOAD),
    _Mark(
        _PARQUET,
        "a Parquet file",
        "If it holds texts, give it as a regular file with input_format=parquet; otherwise load it, and give the matrices to "
        "mach_tf.write_dataset.",
    ),
    _Mark(b"ARROW1", "an Arrow file", _LOAD),
    _Mark(b"SQLite format 3\x00", "an SQLite database", _LOAD),
    *(_Mark(bytes([0x80, version]), "a Python pickle", _LOAD) for version in range(2, 6)),
    _Mark(b"%PDF-", "a PDF document", _DOWNLOAD),
    _Mark(b"version https://git-lfs", "a Git LFS pointer", "Fetch the file that it stands for (git lfs pull)."),
    _Mark(b"\xff\xfe", "text in UTF-16", "Convert it (iconv -f UTF-16 -t UTF-8 {path} > FILE), and give FILE."),
    _Mark(b"\xfe\xff", "text in UTF-16", "Convert it (iconv -f UTF-16 -t UTF-8 {path} > FILE), and give FILE."),
)
_WEB_PAGE = (b"<!doctype html", b"<html", b"<?xml")


def recognise(head: bytes, path: str, decompressed: bool = False) -> Optional[FileKind]:
    """Returns what a file is if its first bytes show that it is not plain text, otherwise None.

    Args:
      head: the first HEAD_BYTES bytes, or all if there are fewer.
      path: the file, whose members are listed if it is an archive; it must be a regular file for that.
      decompressed: whether `head` comes from decompressing the file, so that another compression is one too many.

    Example:
      >>> recognise(b"PAR1...", "points.parquet").name
      'a Parquet file'
      >>> recognise(b"3 10 5", "points.txt") is None
      True
    """
    if _is_tar(head):
        return FileKind(f"a tar archive{_tar_members(path)}", _EXTRACT.format(command=f"tar -xf {shlex.quote(path)}"))
    mark = next((mark for mark in _MARKS if head.startswith(mark.first_bytes)), None)
    if mark is None:
        if head[:64].lstrip().lower().startswith(_WEB_PAGE):
            return FileKind("a web page", _DOWNLOAD)
        # Later lines may be bad ones in a good text.
        return FileKind("binary data", "Check the path.") if b"\x00" in head.split(b"\n")[0] else None
    if decompressed:
        is_readable = "compressed" in mark.name or mark.first_bytes == _PARQUET
        outer = "Decompress it once, and give the result." if is_readable else mark.advice
        return FileKind(f"{mark.name}, inside another compression", outer.format(path="FILE"))
    if mark.first_bytes.startswith(b"PK"):
        return _zip(path, mark)
    return FileKind(mark.name, mark.advice.format(path=shlex.quote(path)))


def _zip(path: str, mark: _Mark) -> FileKind:
    members: list[str] = []
    if os.path.isfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
            return FileKind("a zip archive that is cut off or damaged", "Download it again.")
    if members and all(name.endswith(".npy") for name in members):
        return FileKind(f"a NumPy .npz file{_of(members)}", _LOAD)
    if any(name.startswith("xl/") for name in members):
        return FileKind("an Excel workbook", "Save it as CSV (UTF-8), and give that file.")
    return FileKind(f"{mark.name}{_of(members)}", mark.advice.format(path=shlex.quote(path)))


def _is_tar(head: bytes) -> bool:
    if len(head) < HEAD_BYTES or not head.strip(b"\x00"):
        return False
    try:
        tarfile.TarInfo.frombuf(head[:HEAD_BYTES], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _tar_members(path: str) -> str:
    """Returns the first members of a tar archive, those that stand near its beginning, as `_of` does."""
    if not os.path.isfile(path):
        return ""
    found: list[str] = []
    for member in _tar_headers(path):
        if member.isfile():
            found.append(member.name)
        if len(found) > _SHOWN_MEMBERS or member.offset_data + member.size > _SEARCHED_BYTES:
            return _of(found, others=True)
    return _of(found)


def _tar_headers(path: str) -> Iterator[tarfile.TarInfo]:
    """Yields the headers of a tar archive, compressed or not, up to where it is damaged."""
    try:
        with _open_tar(path) as archive:
            yield from archive
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        return


@contextlib.contextmanager
def _open_tar(path: str) -> Iterator[tarfile.TarFile]:
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic in (zstd_file.MAGIC, zstd_file.SKIPPABLE_MAGIC):
        # tarfile knows Zstandard from Python 3.14 on.
        with zstd_file.open_zstd(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            yield archive
    else:
        with tarfile.open(path) as archive:
            yield archive


def _of(members: list[str], others: bool = False) -> str:
    """Returns " of a and b", with "others" if there are more or `others` is true; "" for no members."""
    shown = ["".join(c if c.isprintable() else "?" for c in name)[:60] for name in members[:_SHOWN_MEMBERS]]
    if not shown:
        return ""
    last = ["others"] if others or len(members) > _SHOWN_MEMBERS else [shown.pop()]
    return f" of {' and '.join([', '.join(shown), *last] if shown else last)}"
