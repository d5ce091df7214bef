"""Two parallel files: one text per line, and the labels of the same line in the other; or texts alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from mach_tf.data.bad_line import BadLine
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.splits import Source
from mach_tf.text.readers.record import Fault, make_record
from mach_tf.text.readers.record_fields import split_labels
from mach_tf.text.readers.record_reader import Checked, TextRecordReader
from mach_tf.text.readers.settings import TEXT, InputSettings
from mach_tf.text.readers.text_lines import check_utf8, next_block, next_lines


class ParallelReader(TextRecordReader):
    """A reader of texts and labels in two files; an empty line is a text, or labels, that a record must have."""

    def __init__(self, file: TextFile, labels: Optional[TextFile], settings: InputSettings, hint: str = "") -> None:
        """Describes the reader.

        Args:
          file, settings, hint: as of RecordReader.
          labels: the file of labels; None if there are none.
        """
        super().__init__(file, settings, settings.text_fields or (TEXT,), hint)
        self._labels = labels

    @property
    def bytes_read(self) -> int:
        return sum(file.position for file in self._files)

    @property
    def text_bytes(self) -> int:
        return sum(file.text_bytes for file in self._files)

    def finish(self) -> list[Source]:
        return [file.finish() for file in self._files]

    def close(self) -> None:
        for file in self._files:
            file.__exit__()

    @property
    def _files(self) -> list[TextFile]:
        return [self._file] if self._labels is None else [self._file, self._labels]

    def _blocks(self, n_bytes: int) -> Iterator[Checked]:
        while (texts := next_block(self._file, n_bytes)).lines:
            count = len(texts.lines)
            labels = [""] * count if self._labels is None else next_lines(self._labels, count).lines
            if len(labels) < count:
                self._refuse_count()
            checked = Checked([], [])
            for number, (text, keys) in enumerate(zip(texts.lines, labels), texts.first):
                path = self.path
                try:
                    check_utf8(text)
                    if text and not text.isspace() and self._labels is not None:
                        path = self._labels.path  # where any further fault is
                        check_utf8(keys)
                    checked.records.append(make_record(number, [text], self._split(keys), self.settings))
                except Fault as fault:
                    checked.bad_lines.append(BadLine(path, number, str(fault)))
            yield checked
        if self._labels is not None and self._labels.block(1):
            self._refuse_count()

    def _split(self, labels: str) -> list[str]:
        separator = self.settings.label_separator
        return labels.split() if separator is None else split_labels(labels, separator)

    def _refuse_count(self) -> None:
        """Raises InputError for two files with different numbers of lines."""
        for file in self._files:
            while file.block(1 << 20):
                pass
        (text_count, text_path), (label_count, label_path) = ((file.line_count, file.path) for file in self._files)
        raise InputError(
            f"{text_path} and {label_path} must have equally many lines (got {text_count} and {label_count}). Give the texts and "
            "the labels of the same records, one record per line."
        )
