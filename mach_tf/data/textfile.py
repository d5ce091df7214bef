"""Reads a text file, plain or compressed, once from start to end in blocks of whole lines, and hashes it meanwhile.

The file may be a pipe; what must read it twice asks `check_regular` first.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import zlib
from typing import Any, Callable, Optional

from mach_tf import file_kinds, zip_members, zstd_file
from mach_tf.errors import InputError
from mach_tf.input_files import open_input
from mach_tf.splits import Source

# More than a block of bz2 unpacks to.
_BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 26
_OPENERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    zstd_file.MAGIC: zstd_file.open_zstd,
    zstd_file.SKIPPABLE_MAGIC: zstd_file.open_zstd,
}
_CORRUPTION = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError)


class TextFile:
    """Reads whole lines of one file; gzip, bzip2, xz and Zstandard are recognised by their first bytes, not by the name of the file.

    Attributes:
      path: the path as given.
      size: number of bytes on disk, those of a zip archive's member unpacked; 0 for a pipe.
      text_bytes, line_count: number of bytes of text and of lines handed out so far.
    """

    def __init__(self, path: str, content: str = "a header") -> None:
        """Opens the file.

        Args:
          path: the file.
          content: what must stand in its first line, for the message about an empty file.

        Raises:
          InputError: the file does not exist, is a directory or is empty, or nothing comes from the pipe.
        """
        self.path = path
        try:
            self._raw = _HashedFile(path)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise InputError(f"{path} must be a file ({error.strerror}). Check the path.") from None
        self.size = self._raw.size
        self.text_bytes = 0
        self.line_count = 0
        first = self._raw.peek(6)
        if not first:
            got, advice = f"{self._raw.kind} without a byte", "Check the command that writes to it."
            if self._raw.regular:
                got, advice = "an empty file", "Write or download it again."
            raise InputError(f"{path}, line 1: there must be {content} (got {got}). {advice}")
        opened = _opener(first)
        self._compressed = opened is not open
        self._stream: Any = opened(self._raw) if self._compressed else self._raw
        self._rest = b""
        self._begun = False

    def __enter__(self) -> TextFile:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stream.close()
        self._raw.close()

    @property
    def position(self) -> int:
        """Number of bytes read from disk so far."""
        return self._raw.position

    def block(self, size: int) -> bytes:
        """Returns the next lines, about `size` bytes and at least one line; b"" at the end of the file."""
        cut = self._rest.rfind(b"\n", 0, size) + 1 or self._rest.find(b"\n") + 1
        if cut:  # lines that `lines` or `peek` put back
            block, self._rest = self._rest[:cut], self._rest[cut:]
            return self._count(block)
        pieces = [self._rest]
        while True:
            piece = self._read(size)
            cut = piece.rfind(b"\n") + 1
            if not piece:
                self._rest = b""
                return self._count(_ended(b"".join(pieces)))
            if cut:
                self._rest = piece[cut:]
                return self._count(b"".join([*pieces, piece[:cut]]))
            pieces.append(piece)
            if sum(map(len, pieces)) > MAX_LINE_BYTES:
                raise InputError(
                    f"{self.path}: a line must be shorter than {MAX_LINE_BYTES} bytes "
                    f"(got one that begins {pieces[0][:20] or pieces[1][:20]!r}). Is this a text file?"
                )

    def lines(self, count: int, size: int = 1 << 20) -> bytes:
        """Returns the next `count` lines; fewer at the end of the file."""
        pieces: list[bytes] = []
        while count:
            block = self.block(size)
            if not block:
                break
            newlines = block.count(b"\n")
            if newlines > count:
                cut = -1
                for _ in range(count):
                    cut = block.index(b"\n", cut + 1)
                self._rest = block[cut + 1 :] + self._rest
                self.text_bytes -= len(block) - cut - 1
                self.line_count -= newlines - count
                block, newlines = block[: cut + 1], count
            pieces.append(block)
            count -= newlines
        return b"".join(pieces)

    def peek(self, size: int) -> bytes:
        """Returns the next lines, about `size` bytes, fewer only at the end of the file, and leaves them to be read."""
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < size and (piece := self.block(size)):
            pieces.append(piece)
        lines = b"".join(pieces)
        self._rest = lines + self._rest
        self.text_bytes -= len(lines)
        self.line_count -= lines.count(b"\n")
        return lines

    def finish(self) -> Source:
        """Describes the file after it has been read to its end.

        Raises:
          InputError: the file changed while it was read.
        """
        while self._raw.read(1 << 20):  # the hash includes bytes after the end of a compressed stream
            pass
        if self._raw.changed():
            raise InputError(
                f"{self.path} changed while it was read, so what was read is neither its old nor its new content. "
                "Run again when no program writes to it."
            )
        return Source(self.path, self._raw.position, self._raw.sha256)

    def _read(self, size: int) -> bytes:
        if self._begun:
            return self._decompress(size)
        self._begun = True
        first = self._decompress(max(size, file_kinds.HEAD_BYTES))
        kind = file_kinds.recognise(first[: file_kinds.HEAD_BYTES], self.path, self._compressed)
        if kind is not None:
            # What a damaged block unpacks to may look like anything; its checksum comes after it.
            self._decompress(_BLOCK_BYTES)
            raise InputError(f"{self.path} must be text (got {kind.name}). {kind.advice}")
        return first

    def _decompress(self, size: int) -> bytes:
        if not self._compressed:
            return self._stream.read(size)
        try:
            return self._stream.read(size)
        except _CORRUPTION as error:
            raise InputError(
                f"{self.path}, after line {self.line_count}: a compressed file must be whole (got "
                f"{error or type(error).__name__}); this one is cut off or damaged. Copy or download it again."
            ) from None

    def _count(self, block: bytes) -> bytes:
        self.text_bytes += len(block)
        self.line_count += block.count(b"\n")
        return block


def check_regular(path: str) -> None:
    """Raises InputError for a pipe or a device, which cannot be read a second time; a missing file passes."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise InputError(
            f"{path} must be a regular file, because it is read more than once (got {_kind(os.stat(path))}). Write its "
            "content to a file, and give that."
        )


def opener(path: str) -> Callable[..., Any]:
    """Returns the function that opens the file: `open`, or that of its compression."""
    with open(path, "rb") as file:
        return _opener(file.read(6))


def _opener(magic: bytes) -> Callable[..., Any]:
    return next((function for mark, function in _OPENERS.items() if magic.startswith(mark)), open)


def _ended(text: bytes) -> bytes:
    return text + b"\n" if text and not text.endswith(b"\n") else text


def _kind(state: os.stat_result) -> str:
    if stat.S_ISREG(state.st_mode):
        return "a file"
    return "a pipe" if stat.S_ISFIFO(state.st_mode) else "a device"


class _HashedFile:
    """A file or a pipe that hashes what is read, and detects whether a file changed since it was opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open_input(path)
        self._opened = self._state()
        self.kind = _kind(os.fstat(self._file.fileno()))
        self.regular = self.kind == "a file"
        self.size = getattr(self._file, "member_bytes", self._opened[1]) if self.regular else 0
        self.position = 0
        self._ahead = b""  # what was peeked at
        self._digest = hashlib.sha256()

    def peek(self, size: int) -> bytes:
        """Returns the next `size` bytes without moving; fewer at the end."""
        self._ahead += self._fill(size - len(self._ahead))
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        data += self._fill(size - len(data))
        self._digest.update(data)
        self.position += len(data)
        return data

    def close(self) -> None:
        self._file.close()

    def changed(self) -> bool:
        """Returns whether the file was replaced or modified, or was not read to its end; False for a pipe."""
        if not self.regular:
            return False
        try:
            now = self._state(os.stat(zip_members.on_disk(self._path)))
        except FileNotFoundError:
            return True
        return now != self._opened or self._state() != self._opened or self.position != self.size

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _fill(self, size: int) -> bytes:
        """Returns the next `size` bytes of the file; fewer at the end only, though a pipe gives them in pieces."""
        pieces = []
        while size > 0:
            piece = self._file.read(size)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _state(self, state: Optional[os.stat_result] = None) -> tuple[int, int, int]:
        state = state or os.fstat(self._file.fileno())
        return state.st_ino, state.st_size, state.st_mtime_ns
