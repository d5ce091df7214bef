"""Opens a file of texts with the reader of its format."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from typing import Optional

from mach_tf.arguments import shown
from mach_tf.choices import AUTO, BAG_OF_WORDS
from mach_tf.data.libsvm import TextInput
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.text.readers import recognition
from mach_tf.text.readers.annif import open_annif
from mach_tf.text.readers.delimited import DELIMITERS, DelimitedReader, first_row
from mach_tf.text.readers.fasttext import open_fasttext
from mach_tf.text.readers.jsonl import open_jsonl, parse_object
from mach_tf.text.readers.parallel_lines import ParallelReader
from mach_tf.text.readers.parquet import ParquetReader
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.record_reader import RecordReader
from mach_tf.text.readers.settings import LINES, WITH_FIELDS, InputSettings
from mach_tf.text.readers.text_lines import peek_lines

_FIRST_BYTES = 1 << 16
_SHOWN_FIELDS = 12


def open_records(source: TextInput, settings: InputSettings) -> RecordReader:
    """Opens a file of texts, or two parallel files, to be read once; a text file may be a pipe.

    Args:
      source: the file, and the file of labels if they are in one of their own.
      settings: the format, and where texts and labels stand.

    Raises:
      InputError: a file does not exist, is empty, or is in no format or in another one, or lacks a field.
    """
    if settings.format == "parquet" or (settings.format == AUTO and recognition.is_parquet(source.path)):
        hint = recognition.PARQUET.hint if settings.format == AUTO else ""
        settings = settings.usable("parquet")
        _check(source, settings, "parquet", hint)
        return ParquetReader(source.path, settings)
    file = TextFile(source.path, "a record")
    try:
        return _reader(file, source, settings)
    except BaseException:
        file.__exit__()
        raise


def _reader(file: TextFile, source: TextInput, settings: InputSettings) -> RecordReader:
    found = recognition.recognise_open(file, source.labels_path, settings)
    form, hint = found.format, found.hint if settings.given("format") != found.format else ""
    settings = settings.usable(form)
    if form == BAG_OF_WORDS:
        raise InputError(
            f"{source.path} must hold texts (got a bag of words, because {found.seen}). If these are texts, give input_format."
        )
    if form == "parquet":
        raise InputError(
            f"{source.path} must be a Parquet file, which begins with PAR1 (got another beginning). {hint}".rstrip()
        )
    _check(source, settings, form, hint, file)
    _check_line_ends(file)
    if form in WITH_FIELDS and not settings.text_fields:
        raise InputError(
            f"{source.path}: text_fields must name the fields with texts (the file has {_fields_seen(file, form)}). {hint}".rstrip()
        )
    if found.certain:
        hint = ""  # what breaks a rule from here on is no sign of another format
    if form == LINES:
        labels = None if source.labels_path is None else TextFile(source.labels_path, "labels")
        return ParallelReader(file, labels, settings, hint)
    if form in DELIMITERS:
        return DelimitedReader(file, settings, form, hint)
    return {"jsonl": open_jsonl, "annif": open_annif, "fasttext": open_fasttext}[form](file, settings, hint)


def _check(source: TextInput, settings: InputSettings, form: str, hint: str, file: Optional[TextFile] = None) -> None:
    """Checks the settings and the input against the format, however it was found; messages show the fields of an open file."""
    try:
        settings.check_format(form)
    except InputError as error:
        raise InputError(f"{source.path}: {error} {hint}".rstrip()) from None
    others_are_labels = settings.label_indicators and form != "jsonl"  # whose records may have different fields
    are_named = settings.label_fields or settings.labels_optional or others_are_labels
    if settings.text_fields and form in WITH_FIELDS and not are_named:
        seen = "" if file is None else f" (the file has {_fields_seen(file, form)})"
        raise InputError(f"{source.path}: label_field must name the field with labels{seen}. {hint}".rstrip())
    if form == LINES and source.labels_path is None and not settings.labels_optional:
        raise InputError(
            f"{source.path}: with input_format=lines there must be a second file, with the labels of each line. {hint}".rstrip()
        )
    if form != LINES and source.labels_path is not None:
        raise InputError(
            f"{source.path}: with input_format={form} texts and labels must stand in one file (got {source.labels_path} for "
            "labels). Leave that out, or give input_format=lines."
        )


def _check_line_ends(file: TextFile) -> None:
    """Raises InputError for a file whose lines end with a carriage return alone."""
    lines = peek_lines(file, _FIRST_BYTES).lines
    if len(lines) == 1 and "\r" in lines[0].strip():
        raise InputError(
            f"{file.path}: lines must end with a line feed (got carriage returns alone). Convert them (tr '\\r' '\\n' < "
            f"{shlex.quote(file.path)} > FILE)."
        )


def _fields_seen(file: TextFile, form: str) -> str:
    """Returns the names that the first record of a file has, for a message."""
    block = peek_lines(file, _FIRST_BYTES)
    names: Iterable[str] = []
    if form in DELIMITERS:
        cells = first_row(block, DELIMITERS[form][0])
        names = [] if isinstance(cells, Fault) else cells
    else:
        with contextlib.suppress(Fault):
            names = parse_object(next((line for line in block.lines if line.strip()), ""))
    return ", ".join(shown(name) for name in list(names)[:_SHOWN_FIELDS]) or "none in its first line"
