"""Opens a file of texts with the reader of its format."""

from __future__ import annotations

from mach_tf.data.libsvm import TextInput
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.text.readers import recognition
from mach_tf.text.readers.annif import open_annif
from mach_tf.text.readers.delimited import DELIMITERS, DelimitedReader
from mach_tf.text.readers.fasttext import open_fasttext
from mach_tf.text.readers.jsonl import open_jsonl
from mach_tf.text.readers.record_reader import RecordReader
from mach_tf.text.readers.settings import WITH_FIELDS, InputSettings


def open_records(source: TextInput, settings: InputSettings) -> RecordReader:
    """Opens a file of texts, or two parallel files, to be read once; a text file may be a pipe.

    Args:
      source: the file, and the file of labels if they are in one of their own.
      settings: the format, and where texts and labels stand.

    Raises:
      InputError: a file does not exist, is empty, or is in no format or in another one, or lacks a field.
    """
    file = TextFile(source.path, "a record")
    try:
        return _reader(file, source, settings)
    except BaseException:
        file.__exit__()
        raise


def _reader(file: TextFile, source: TextInput, settings: InputSettings) -> RecordReader:
    found = recognition.recognise_open(file, source.labels_path, settings)
    form, hint = found.format, found.hint if settings.format != found.format else ""
    if form == "bow":
        raise InputError(
            f"{source.path} must hold texts (got a bag of words, because {found.seen}). If these are texts, give input_format."
        )
    _check(source, settings, form, hint)
    if form in DELIMITERS:
        return DelimitedReader(file, settings, form, hint)
    return {"jsonl": open_jsonl, "annif": open_annif, "fasttext": open_fasttext}[form](file, settings, hint)


def _check(source: TextInput, settings: InputSettings, form: str, hint: str) -> None:
    """Checks the settings and the input against the format, however it was found."""
    try:
        settings.check_format(form)
    except InputError as error:
        raise InputError(f"{source.path}: {error} {hint}".rstrip()) from None
    if form in WITH_FIELDS and not settings.text_fields:
        raise InputError(f"{source.path}: text_fields must name the fields with texts. {hint}".rstrip())
    if form in WITH_FIELDS and not settings.label_fields and not settings.labels_optional:
        raise InputError(f"{source.path}: label_field must name the field with labels. {hint}".rstrip())
    if form != "lines" and source.labels_path is not None:
        raise InputError(
            f"{source.path}: with input_format={form} texts and labels must stand in one file (got {source.labels_path} for "
            "labels). Leave that out, or give input_format=lines."
        )
