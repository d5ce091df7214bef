"""Parquet tables, read by pyarrow (extra `parquet`), which is imported only here."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Union

from mach_tf import file_kinds, files, zip_members
from mach_tf.arguments import shown
from mach_tf.data.bad_line import BadLine
from mach_tf.data.textfile import check_regular
from mach_tf.errors import InputError
from mach_tf.splits import Source
from mach_tf.text.readers.record import Fault, make_record
from mach_tf.text.readers.record_fields import RecordFields
from mach_tf.text.readers.record_reader import Checked, RecordReader
from mach_tf.text.readers.settings import InputSettings, default_fields_sentence

_BUFFER_BYTES = 1 << 20
_SHOWN_COLUMNS = 12


class ParquetReader(RecordReader):
    """A reader of a Parquet file; the line of a record is its row, from 1."""

    def __init__(self, path: str, settings: InputSettings, hint: str = "") -> None:
        """Opens the file and checks its columns.

        Args:
          path, settings, hint: as of RecordReader.

        Raises:
          InputError: pyarrow is not installed, the file is a pipe or no Parquet file, or a column is missing.
        """
        super().__init__(path, settings, settings.text_fields, hint)
        _check_file(path)
        self._errors, parquet = _import_pyarrow(path)
        try:
            self._opened = _state(path)
            # Without these settings whole row groups are in memory.
            self._file = parquet.ParquetFile(
                path, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
            )
        except (FileNotFoundError, IsADirectoryError) as error:
            raise InputError(
                f"{path} must be a file ({error.strerror or 'it does not exist'}). Check the path."
            ) from None
        except self._errors as error:
            raise InputError(f"{path} must be a whole Parquet file (got {_reason(error)}). {hint}".rstrip()) from None
        self._columns = self._wanted_columns(hint)
        self._fields = RecordFields(self.settings)
        self._rows = 0
        self._text_bytes = 0

    @property
    def bytes_read(self) -> int:
        """Of the bytes on disk, the fraction that the rows read so far are of all."""
        rows = self._file.metadata.num_rows
        return self._opened[1] * self._rows // rows if rows else self._opened[1]

    @property
    def text_bytes(self) -> int:
        return self._text_bytes

    def finish(self) -> list[Source]:
        source = Source(self.path, self._opened[1], files.sha256(self.path))
        if _state(self.path) != self._opened:
            raise InputError(
                f"{self.path} changed while it was read, so what was read is neither its old nor its new content. "
                "Run again when no program writes to it."
            )
        return [source]

    def close(self) -> None:
        self._file.close()

    def _blocks(self, n_bytes: int) -> Iterator[Checked]:
        batches = self._file.iter_batches(self._rows_of(n_bytes), columns=self._columns)
        while True:
            try:
                batch = next(batches, None)
            except self._errors as error:
                raise InputError(
                    f"{self.path}, after row {self._rows}: a Parquet file must be whole (got {_reason(error)}); this one is "
                    "damaged. Copy or download it again."
                ) from None
            if batch is None:
                return
            self._text_bytes += batch.nbytes
            yield self._checked(batch)

    def _checked(self, batch: Any) -> Checked:
        checked = Checked([], [])
        for row in _rows(batch):
            self._rows += 1
            try:
                if isinstance(row, Fault):
                    raise row
                texts, labels = self._fields.read(row)
                checked.records.append(make_record(self._rows, texts, labels, self.settings))
            except Fault as fault:
                checked.bad_lines.append(BadLine(self.path, self._rows, str(fault)))
        return checked

    def _rows_of(self, n_bytes: int) -> int:
        """Returns how many rows have about `n_bytes` bytes, on average."""
        metadata = self._file.metadata
        total = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
        return max(1, min(1 << 20, n_bytes * metadata.num_rows // max(1, total)))

    def _wanted_columns(self, hint: str) -> list[str]:
        settings, present = self.settings, list(self._file.schema_arrow.names)
        seen = ", ".join(map(shown, present[:_SHOWN_COLUMNS])) + (", ..." if len(present) > _SHOWN_COLUMNS else "")
        if not settings.text_fields:
            raise InputError(
                f"{self.path}: text_fields must name the fields with texts (the file has {seen}). {hint}".rstrip()
            )
        if settings.label_indicators and not settings.label_fields:
            others = tuple(
                name for name in present if name not in {name.partition(".")[0] for name in settings.text_fields}
            )
            self.settings = settings = dataclasses.replace(settings, label_fields=others)
        columns = []
        for number, name in enumerate((*settings.text_fields, *settings.label_fields)):
            column = name if name in present else name.partition(".")[0]
            if present.count(column) > 1:
                raise InputError(f"{self.path}: a column must be named once (got {column!r} twice). Rename one.")
            if column in present:
                columns.append(column)
            elif number < len(settings.text_fields) or not settings.labels_optional:
                is_default = name in settings.text_fields and "text_fields" in settings.trained
                advice = default_fields_sentence(settings.text_fields) if is_default else "Name columns of the file."
                raise InputError(
                    f"{self.path}: there must be a column {column!r} (got {seen}). {advice} {hint}".rstrip()
                )
        return list(dict.fromkeys(columns))


def _check_file(path: str) -> None:
    """Raises InputError for a pipe, a member of a zip archive, or a file of another kind."""
    check_regular(path)
    member = zip_members.split(path)
    if member is not None:
        command = f"unzip {shlex.quote(member.archive)} {shlex.quote(member.member)}"
        raise InputError(
            f"{path} must be a file of its own, because Parquet is not read from start to end (got a member of a zip archive). Extract "
            f"it ({command}), and give the file."
        )
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        kind = file_kinds.recognise(file.read(file_kinds.HEAD_BYTES), path)
    if kind is not None and "Parquet" not in kind.name:
        raise InputError(f"{path} must be a Parquet file (got {kind.name}). {kind.advice}")


def _import_pyarrow(path: str) -> tuple[tuple[type[Exception], ...], Any]:
    """Returns the errors that pyarrow raises for damaged files, and its module for Parquet."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            f"{path}: to read Parquet, pyarrow must be installed (got {error}). Install it: pip install 'mach-tf[parquet]'."
        ) from None
    return (pyarrow.ArrowException, OSError), parquet


def _rows(batch: Any) -> Iterator[Union[Mapping[str, Any], Fault]]:
    try:
        yield from batch.to_pylist()
        return
    except (ValueError, OverflowError):
        pass  # of some rows; the others are good
    for row in range(batch.num_rows):
        try:
            yield batch.slice(row, 1).to_pylist()[0]
        except UnicodeDecodeError as error:
            yield Fault(f"text must be UTF-8 (got {error}).")
        except (ValueError, OverflowError) as error:
            yield Fault(f"a column must hold texts or labels (got what pyarrow cannot convert: {_reason(error)}).")


def _state(path: str) -> tuple[int, int, int]:
    state = os.stat(path)
    return state.st_ino, state.st_size, state.st_mtime_ns


def _reason(error: Exception) -> str:
    return f"{' '.join(str(error).split()).rstrip('.') or type(error).__name__:.200}"
