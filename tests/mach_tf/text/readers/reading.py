"""Reads files of texts in tests."""

from __future__ import annotations

import pathlib
from typing import Optional

from mach_tf.data.bad_line import BadLine
from mach_tf.data.libsvm import TextInput
from mach_tf.text.readers.opening import open_records
from mach_tf.text.readers.record import Record
from mach_tf.text.readers.settings import InputSettings

JSON = InputSettings("jsonl", ("title", "text"), ("tags",))
ONE_TEXT = InputSettings("jsonl", ("text",), ("tags",))


def read(
    path: pathlib.Path, settings: InputSettings, labels: Optional[pathlib.Path] = None, n_bytes: int = 1 << 20
) -> tuple[list[Record], list[BadLine]]:
    """Reads a whole file; returns its records and its bad lines."""
    records, bad_lines = [], []
    with open_records(TextInput(str(path), labels and str(labels)), settings) as reader:
        for batch in reader.batches(1000, n_bytes):
            records += batch.records
            bad_lines += batch.bad_lines
        reader.finish()
    return records, bad_lines


def read_text(
    folder: pathlib.Path, text: str | bytes, settings: InputSettings, n_bytes: int = 1 << 20
) -> tuple[list[Record], list[BadLine]]:
    """Writes a file and reads it."""
    path = folder / "file"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, settings, n_bytes=n_bytes)


def problem(folder: pathlib.Path, text: str | bytes, settings: InputSettings) -> str:
    """Returns the problem of the only record of a file, which is a bad line."""
    records, bad_lines = read_text(folder, text, settings)
    assert not records
    assert len(bad_lines) == 1
    return bad_lines[0].problem
