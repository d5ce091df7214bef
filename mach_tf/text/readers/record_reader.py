"""Reads records in batches; memory is bounded by the batch, not by the file."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Callable, NamedTuple

from mach_tf.data.bad_line import BadLine
from mach_tf.data.textfile import TextFile
from mach_tf.splits import Source
from mach_tf.text.readers.record import Fault, Record, RecordBatch, make_record
from mach_tf.text.readers.settings import InputSettings
from mach_tf.text.readers.text_lines import LineBlock, check_utf8, next_block

# The texts and the labels of one record.
Parts = tuple[Sequence[str], Sequence[str]]


class Checked(NamedTuple):
    """Records, and those that break a rule, in the order of the file."""

    records: list[Record]
    bad_lines: list[BadLine]


class RecordReader(abc.ABC):
    """Reads one file of texts, or two parallel files, from start to end. A context manager that closes them.

    Attributes:
      path: the file.
      settings: where texts and labels stand.
      fields: names of the text fields, in the order of a record's texts.
    """

    def __init__(self, path: str, settings: InputSettings, fields: tuple[str, ...], hint: str = "") -> None:
        """Describes the reader.

        Args:
          path, settings, fields: as of the class.
          hint: a sentence that bad lines get until one is good, about how the format was recognised.
        """
        self.path = path
        self.settings = settings
        self.fields = fields
        self._hint = hint

    def __enter__(self) -> RecordReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def batches(self, n_records: int, n_bytes: int) -> Iterator[RecordBatch]:
        """Yields the records in batches.

        Args:
          n_records: the most records of a batch.
          n_bytes: about how many bytes of text a batch holds, at most; a longer record is a batch of its own.

        Raises:
          InputError: the file is damaged, or is no file of this format.
        """
        before = 0
        for checked in self._blocks(n_bytes):
            records, bad_lines = checked
            if self._hint:
                bad_lines = [self._hinted(line, records) for line in bad_lines]
                self._hint = "" if records else self._hint
            if not records and not bad_lines and self.bytes_read == before:
                continue
            for begin in range(0, max(1, len(records)), n_records):
                batch = records[begin : begin + n_records]
                yield RecordBatch(self.path, batch, [] if begin else bad_lines, self.bytes_read - before)
                before = self.bytes_read

    def _hinted(self, line: BadLine, records: list[Record]) -> BadLine:
        """Adds the hint to a bad line that stands before the first record."""
        later = records and line.line > records[0].line
        return line if later else line._replace(hint=self._hint)

    @property
    @abc.abstractmethod
    def bytes_read(self) -> int:
        """Number of bytes read from disk so far."""

    @property
    @abc.abstractmethod
    def text_bytes(self) -> int:
        """Number of bytes of text read so far, after decompression."""

    @abc.abstractmethod
    def finish(self) -> list[Source]:
        """Describes the files after they have been read to their ends; raises InputError if one changed meanwhile."""

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the files."""

    @abc.abstractmethod
    def _blocks(self, n_bytes: int) -> Iterator[Checked]:
        """Yields the records of about `n_bytes` bytes of text."""


class TextRecordReader(RecordReader):
    """A reader of one text file, which may be a pipe."""

    def __init__(self, file: TextFile, settings: InputSettings, fields: tuple[str, ...], hint: str = "") -> None:
        super().__init__(file.path, settings, fields, hint)
        self._file = file

    @property
    def bytes_read(self) -> int:
        return self._file.position

    @property
    def text_bytes(self) -> int:
        return self._file.text_bytes

    def finish(self) -> list[Source]:
        return [self._file.finish()]

    def close(self) -> None:
        self._file.__exit__()


class LineReader(TextRecordReader):
    """A reader of a file with one record per line."""

    def __init__(
        self,
        file: TextFile,
        settings: InputSettings,
        fields: tuple[str, ...],
        parse: Callable[[str], Parts],
        hint: str = "",
        skip_empty: bool = False,
    ) -> None:
        """Describes the reader.

        Args:
          file, settings, fields, hint: as of RecordReader.
          parse: returns the texts and labels of a line, or raises Fault.
          skip_empty: whether a line of blanks is no record; otherwise it is a record without text.
        """
        super().__init__(file, settings, fields, hint)
        self._parse = parse
        self._skip_empty = skip_empty

    def _blocks(self, n_bytes: int) -> Iterator[Checked]:
        while (block := next_block(self._file, n_bytes)).lines:
            yield self._checked(block)

    def _checked(self, block: LineBlock) -> Checked:
        checked = Checked([], [])
        for number, line in enumerate(block.lines, block.first):
            if self._skip_empty and (not line or line.isspace()):
                continue
            try:
                if block.broken:
                    check_utf8(line)
                texts, labels = self._parse(line)
                checked.records.append(make_record(number, texts, labels, self.settings))
            except Fault as fault:
                checked.bad_lines.append(BadLine(self.path, number, str(fault)))
        return checked
