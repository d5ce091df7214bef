"""Reads members of zip archives in place: a path may go on behind an archive, as in `Eurlex.zip/Eurlex/eurlex_train.txt`.

Nothing is ever written. A member is streamed, so its size costs time and no memory; its checksum is verified at its end.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from mach_tf.errors import InputError

# The list of members is held in memory; this many bytes describe about 200,000 of them.
_MOST_LIST_BYTES = 1 << 24
_ENCRYPTED = 0x1
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OverflowError, ValueError)


class MemberPath(NamedTuple):
    """A path that leads into a zip archive: the archive, and the name of the member in it."""

    archive: str
    member: str


class Member(NamedTuple):
    """One member of an archive: its name, and its size when it is unpacked."""

    name: str
    bytes: int


def split(path: str) -> Optional[MemberPath]:
    """Returns the archive and the member of a path that leads into a zip archive; None for any other path.

    A file or directory of that very path comes first.
    """
    if os.path.lexists(path):
        return None
    archive, names = path, []
    while True:
        archive, name = os.path.split(archive)
        names.append(name)
        if not archive or not name:
            return None
        if os.path.lexists(archive):
            return MemberPath(archive, "/".join(reversed(names))) if is_zip(archive) else None


def on_disk(path: str) -> str:
    """Returns the file that a path is read from: the archive of a member, otherwise the path itself."""
    found = split(path)
    return path if found is None else found.archive


def exists(path: str) -> bool:
    """Returns whether there is such a file or directory, or such a member of an archive."""
    found = split(path)
    return os.path.exists(path) if found is None else any(member.name == found.member for member in members(found[0]))


def is_zip(path: str) -> bool:
    """Returns whether a regular file begins as a zip archive does."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def members(archive: str) -> list[Member]:
    """Returns the members that can be read by a path, in their order.

    Left out are directories and names that no path leads to: absolute ones, and those with `..` or control characters.

    Raises:
      InputError: the archive is damaged.
    """
    with _opened(archive) as opened:
        return [Member(info.filename, info.file_size) for info in opened.infolist() if _is_plain(info.filename)]


def size(path: str) -> int:
    """Returns the number of bytes of a file, or of an unpacked member.

    Raises:
      OSError: there is no such file or member.
    """
    found = split(path)
    if found is None:
        return os.path.getsize(path)
    with _opened(found.archive) as opened:
        return _info(opened, found, path).file_size


def is_file(path: str) -> bool:
    """Returns whether there is such a regular file, or such a member of an archive."""
    return os.path.isfile(path) if split(path) is None else exists(path)


def is_empty(path: str) -> bool:
    """Returns whether a path leads to a regular file, or a member, without a byte."""
    return is_file(path) and size(path) == 0


class MemberFile(io.RawIOBase):
    """A member opened for reading; its descriptor is that of the archive.

    Attributes:
      member_bytes: the size of the unpacked member.
    """

    def __init__(self, path: str, found: MemberPath) -> None:
        """Opens the member of a path.

        Raises:
          InputError: the archive is damaged, or the member is encrypted or cannot be decompressed.
          OSError: there is no such member, or the system refuses.
        """
        super().__init__()
        self._path, self._done = path, 0
        with contextlib.ExitStack() as stack:
            archive = stack.enter_context(_opened(found.archive))
            info = _info(archive, found, path)
            if info.flag_bits & _ENCRYPTED:
                raise InputError(
                    f"{path} must be readable without a password (got an encrypted member). Decrypt the archive first "
                    "(unzip asks for the password), and give the files."
                )
            try:
                self._file = stack.enter_context(archive.open(info))
            except NotImplementedError as error:
                raise InputError(
                    f"{path} must be stored or compressed by deflate, bzip2 or LZMA (got {error}). Extract the archive, and "
                    "give the files."
                ) from None
            except _DAMAGE as error:
                raise _damaged(found.archive, f"{found.member}: {error}") from None
            self.member_bytes = info.file_size
            self._archive = archive
            self._kept = stack.pop_all()

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._archive.fp.fileno()  # type: ignore[union-attr]

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except _DAMAGE as error:
            raise self._damaged(str(error) or type(error).__name__) from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(str(error)) from None  # as bzip2 reports damage
        self._done += len(data)
        if not data and len(buffer) and self._done != self.member_bytes:
            raise self._damaged(f"{self._done} bytes instead of {self.member_bytes}")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._kept.close()
        super().close()

    def _damaged(self, got: str) -> InputError:
        return InputError(
            f"{self._path}, after byte {self._done}: a member of a zip archive must be whole (got {got}); this one is cut off "
            "or damaged. Copy or download the archive again."
        )


class _BoundedFile(io.FileIO):
    """A file that reports sizes and offsets which no whole archive has as damage."""

    def read(self, size: Optional[int] = -1) -> bytes:
        if size is not None and size > _MOST_LIST_BYTES:
            raise zipfile.BadZipFile(f"a list of members of {size} bytes")
        return super().read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except (OSError, OverflowError):
            raise zipfile.BadZipFile(f"an offset of {offset} bytes") from None


@contextlib.contextmanager
def _opened(archive: str) -> Iterator[zipfile.ZipFile]:
    with _BoundedFile(archive, "rb") as file:
        try:
            opened = zipfile.ZipFile(file)
        except (*_DAMAGE, NotImplementedError) as error:
            raise _damaged(archive, str(error)) from None
        with opened:
            yield opened


def _info(opened: zipfile.ZipFile, found: MemberPath, path: str) -> zipfile.ZipInfo:
    same = [info for info in opened.infolist() if info.filename == found.member and _is_plain(info.filename)]
    if not same:
        raise FileNotFoundError(2, os.strerror(2), path)
    if len(same) > 1:
        raise InputError(
            f"{path} must be one member of its archive (got {len(same)} of that name). Extract the one that you mean, and "
            "give the file."
        )
    return same[0]


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return name.isprintable() and "\\" not in name and not any(part in ("", ".", "..") for part in parts)


def _damaged(archive: str, got: str) -> InputError:
    return InputError(f"{archive} must be a whole zip archive (got {got}). Copy or download it again.")
