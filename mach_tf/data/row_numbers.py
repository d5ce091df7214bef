"""Reads which points of a file belong to a split, as the repository's small data sets say it.

They come as one file with all points, `Bibtex_data.txt`, and two files of row numbers, `bibtex_trSplit.txt` and
`bibtex_tstSplit.txt`. Each column of these is another division of the points into train and test; rows count from 1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from mach_tf.data.bad_line import show
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.splits import Source

_BLOCK_BYTES = 1 << 20
_LINE = re.compile(rb"[ \t]*[0-9]{1,18}(?:[ \t]+[0-9]{1,18})*[ \t]*\r?\n")


class RowNumbers(NamedTuple):
    """A column of a file of row numbers.

    Attributes:
      path: the file.
      column: the column, from 0.
    """

    path: str
    column: int = 0

    def read(self, points: int) -> tuple[np.ndarray, Source]:
        """Reads the rows that belong to the split.

        Args:
          points: the number of points in the file that the numbers refer to.

        Returns:
          int64 [n], the positions of the split's points in that file, from 0 and in its order; and what was read.

        Raises:
          InputError: a line is no line of row numbers, the columns differ in length, there is no such column, or it names a row twice or
            one that does not exist.
        """
        parts: list[np.ndarray] = []
        columns = 0
        with TextFile(self.path) as file:
            for block in iter(lambda: file.block(_BLOCK_BYTES), b""):
                first = file.line_count - block.count(b"\n") + 1
                columns = columns or len(block[: block.index(b"\n")].split())
                rows = self._parse(block, first, columns)
                parts.append(rows[:, self.column] - 1)
                self._check_range(parts[-1], first, points)
                if file.line_count > points:
                    raise InputError(
                        f"{self.path}, line {points + 1}: a split must have at most as many rows as the data has points, "
                        f"{points}. Give the files of one data set."
                    )
            source = file.finish()
        found, counts = np.unique(np.concatenate(parts), return_counts=True)
        if (counts > 1).any():
            raise InputError(
                f"{self.path}: column {self.column} must name each row once (got {found[counts > 1][0] + 1} twice). "
                "Download it again."
            )
        return found, Source(source.path, source.bytes, source.sha256, self.column)

    def _parse(self, block: bytes, first: int, columns: int) -> np.ndarray:
        lines = block.splitlines(keepends=True)
        wrong = next(
            (i for i, line in enumerate(lines) if not _LINE.fullmatch(line) or len(line.split()) != columns), None
        )
        if wrong is not None:
            raise InputError(
                f"{self.path}, line {first + wrong}: a line must hold {columns} row numbers, one for each split, as the first "
                f"line does (got {show(lines[wrong])}). Download it again."
            )
        if self.column >= columns:
            raise InputError(
                f"split_number must be below {columns}, the number of splits in {self.path} (got {self.column})."
            )
        return np.array(block.split(), np.int64).reshape(-1, columns)

    def _check_range(self, rows: np.ndarray, first: int, points: int) -> None:
        wrong = np.flatnonzero((rows < 0) | (rows >= points))
        if len(wrong):
            raise InputError(
                f"{self.path}, line {first + wrong[0]}: a row number must be from 1 to {points}, the points of the data (got "
                f"{rows[wrong[0]] + 1}). Give the files of one data set."
            )
