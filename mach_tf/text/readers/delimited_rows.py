"""Rows of CSV and TSV, RFC 4180: a cell in quotes may hold delimiters, line breaks, and quotes, which are doubled.

A quote inside a cell that does not begin with one stands for itself, as in Python's csv module and in spreadsheets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from mach_tf.arguments import shown
from mach_tf.data.textfile import MAX_LINE_BYTES
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.text_lines import LineBlock, check_utf8

# Of one row; each line costs 50 bytes of memory and more.
MAX_ROW_LINES = 1 << 20
_QUOTE = '"'
_SHOWN = 40


class Row(NamedTuple):
    """A row: the number of its first line, and its cells, or the fault of a line that is none."""

    line: int
    cells: Union[list[str], Fault]


class _Doomed(NamedTuple):
    """What a cell that is open at the beginning of a line, up to this one, leads to: a file of such lines takes linear time."""

    line: int
    fault: Fault


class RowSplitter:
    """Splits lines into rows; the lines of a row that is not complete wait for more.

    A cell whose quotes are not closed, or not closed before a delimiter, costs its first line alone: the next line begins a row.
    """

    def __init__(self, delimiter: str) -> None:
        """Starts at the beginning of a row.

        Args:
          delimiter: the character between cells.
        """
        self.delimiter = delimiter
        self.waiting_characters = 0
        self._waiting: list[str] = []
        self._doomed = _Doomed(0, Fault(""))
        self._broken = False  # whether those lines may have bytes that are not UTF-8

    def rows(self, block: LineBlock) -> Iterator[Row]:
        """Yields the rows that are complete with these lines, all of which the caller takes.

        Args:
          block: the next lines; none at the end of the file.
        """
        first, end = block.first - len(self._waiting), not block.lines
        lines = [*self._waiting, *block.lines]
        broken = block.broken or self._broken
        at = 0
        while at < len(lines):
            row, count = self._row(lines, at, first + at, end, broken)
            if row is None:
                break
            if row:
                yield Row(first + at, row)
            at += count
        self._waiting = lines[at:]
        self._broken = broken and bool(self._waiting)
        self.waiting_characters = sum(map(len, self._waiting))

    def _row(
        self, lines: list[str], at: int, number: int, end: bool, broken: bool
    ) -> tuple[Union[list[str], Fault, None], int]:
        """Returns the row that begins at a line, and its number of lines; None if it is not complete, [] for an empty line.

        Args:
          lines, at, number: the lines, the place of the first one of the row, and its number in the file.
          end: whether no line follows.
          broken: whether the lines may have bytes that are not UTF-8.
        """
        line = lines[at]
        if _QUOTE not in line:
            if not line or line.isspace():
                return [], 1
            return (_utf8_fault(line) if broken else None) or line.split(self.delimiter), 1
        return self._quoted_row(lines, at, number, end, broken)

    def _quoted_row(
        self, lines: list[str], at: int, number: int, end: bool, broken: bool
    ) -> tuple[Union[list[str], Fault, None], int]:
        cells: list[str] = []
        open_cell: Optional[list[str]] = None
        size = 0
        for place in range(at, len(lines)):
            size += len(lines[place]) + 1
            try:
                open_cell = self._add(lines[place], cells, open_cell)
            except Fault as fault:
                self._doomed = _Doomed(number + place - at, fault)
                return fault, 1
            if open_cell is None:
                whole = "\n".join(lines[at : place + 1]) if broken else ""
                return _utf8_fault(whole) or cells, place + 1 - at
            if number + place - at < self._doomed.line:
                return self._doomed.fault, 1
            if size > MAX_LINE_BYTES or place - at + 1 >= MAX_ROW_LINES:
                break
        else:
            if not end:
                return None, 0
        self._doomed = _Doomed(
            number + place - at + 1,
            Fault(
                f"a cell that begins with a quote must end with one, in at most {MAX_ROW_LINES:,} lines (got no end of {shown(lines[at][:_SHOWN])})."
            ),
        )
        return self._doomed.fault, 1

    def _add(self, line: str, cells: list[str], open_cell: Optional[list[str]]) -> Optional[list[str]]:
        """Appends the cells of a line; takes and returns the lines of a cell whose quotes are open, or None."""
        at = 0
        while True:
            if open_cell is None:
                if not line.startswith(_QUOTE, at):
                    end = line.find(self.delimiter, at)
                    cells.append(line[at:] if end < 0 else line[at:end])
                    if end < 0:
                        return None
                    at = end + 1
                    continue
                at, open_cell = at + 1, []
            end = _closing_quote(line, at)
            open_cell.append(line[at:] if end < 0 else line[at:end])
            if end < 0:
                return open_cell
            cells.append("\n".join(open_cell).replace(_QUOTE * 2, _QUOTE))
            open_cell, at = None, end + 1
            if at == len(line):
                return None
            if not line.startswith(self.delimiter, at):
                raise Fault(
                    "a cell that begins with a quote must end at the next single one; write quotes inside it twice (got "
                    f"{shown(line[at : at + _SHOWN])} behind the quote)."
                )
            at += 1


def _closing_quote(line: str, at: int) -> int:
    """Returns where the next quote stands that is not one of two; -1 if there is none."""
    while True:
        at = line.find(_QUOTE, at)
        if at < 0 or not line.startswith(_QUOTE, at + 1):
            return at
        at += 2


def _utf8_fault(text: str) -> Optional[Fault]:
    try:
        check_utf8(text)
    except Fault as fault:
        return fault
    return None
