"""Reads files compressed by Zstandard; like the standard library's readers of gzip, bzip2 and xz, it refuses what is cut off."""

from __future__ import annotations

import io
from typing import IO, Any, BinaryIO, Union

# Of a frame, and of the skippable frame that parallel compressors (pzstd) write first.
MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE_MAGIC = b"\x50\x2a\x4d\x18"
# Zeros can be 33,000 times as long as what they are compressed to: this bounds the memory.
_PIECE_BYTES = 1 << 12


class ZstdFile(io.RawIOBase):
    """The decompressed bytes of all frames of a file."""

    def __init__(self, file: Union[str, BinaryIO]) -> None:
        """Opens a path, or wraps an open file, which stays open when this one is closed."""
        import zstandard

        super().__init__()
        self._owned = isinstance(file, str)
        self._file: BinaryIO = open(file, "rb") if isinstance(file, str) else file  # noqa: SIM115 (closed by `close`)
        self._error = zstandard.ZstdError
        self._frame: Any = None
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._ahead = b""  # compressed bytes
        self._text = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads decompressed bytes.

        Raises:
          EOFError: the file ends within a frame.
          OSError: it is damaged.
        """
        view = memoryview(buffer).cast("B")
        while not self._text and self._decompress():
            pass
        count = min(len(view), len(self._text))
        view[:count] = self._text[:count]
        self._text = self._text[count:]
        return count

    def close(self) -> None:
        if self._owned:
            self._file.close()
        super().close()

    def _decompress(self) -> bool:
        """Decompresses the next piece; returns False at the end of the file."""
        piece = self._ahead or self._file.read(_PIECE_BYTES)
        self._ahead = b""
        if not piece:
            if self._frame is not None:
                raise EOFError("Compressed file ended before the end of its last frame")
            return False
        self._frame = self._frame or self._new_frame()
        try:
            self._text = memoryview(self._frame.decompress(piece))
        except self._error as error:
            raise OSError(f"Zstandard: {error}") from None
        if self._frame.eof:
            self._ahead, self._frame = self._frame.unused_data, None
        return True


def open_zstd(file: Union[str, BinaryIO], mode: str = "rb") -> IO[Any]:
    """Opens a file for reading: "rb" for its bytes, "rt" for text in UTF-8."""
    stream = io.BufferedReader(ZstdFile(file))
    return io.TextIOWrapper(stream, "utf-8") if mode == "rt" else stream
