"""Lines of a text file as Python strings, with their numbers."""

from __future__ import annotations

from typing import NamedTuple

from mach_tf.data.bad_line import show
from mach_tf.data.textfile import TextFile
from mach_tf.text.readers.record import Fault

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHOWN_BYTES = 20


class LineBlock(NamedTuple):
    """Lines that follow each other, without their ends.

    Attributes:
      first: number of the first line, from 1.
      lines: the lines; bytes that are not UTF-8 are lone surrogates, as Python's error handler `surrogateescape` leaves them.
      broken: whether there may be such bytes.
    """

    first: int
    lines: list[str]
    broken: bool


def next_block(file: TextFile, size: int) -> LineBlock:
    """Returns the next lines, about `size` bytes and at least one line; none at the end of the file."""
    first = file.line_count + 1
    return decode(file.block(size), first)


def next_lines(file: TextFile, count: int) -> LineBlock:
    """Returns the next `count` lines; fewer at the end of the file."""
    first = file.line_count + 1
    return decode(file.lines(count), first)


def peek_lines(file: TextFile, size: int) -> LineBlock:
    """Returns the next lines, about `size` bytes, fewer only at the end of the file, and leaves them to be read."""
    return decode(file.peek(size), file.line_count + 1)


def decode(block: bytes, first: int) -> LineBlock:
    """Decodes lines, of which the first has the number `first`; a byte order mark before line 1 is left out."""
    if first == 1 and block.startswith(BYTE_ORDER_MARK):
        block = block[len(BYTE_ORDER_MARK) :]
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    try:
        text, broken = block.decode(), False
    except UnicodeDecodeError:
        text, broken = block.decode("utf-8", "surrogateescape"), True
    lines = text.split("\n")
    lines.pop()  # after the last line's end
    return LineBlock(first, lines, broken)


def check_utf8(line: str) -> None:
    """Raises Fault for a line with bytes that are not UTF-8."""
    data = line.encode("utf-8", "surrogateescape")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        context = data[max(0, error.start - _SHOWN_BYTES) : error.start + _SHOWN_BYTES]
        raise Fault(
            f"text must be UTF-8 (got the byte 0x{data[error.start]:02x} at position {error.start}, in {show(context)})."
        ) from None
