"""Recognises the format of a file of texts from its name and its first line, and says what was seen."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

from mach_tf import zip_members
from mach_tf.arguments import shown
from mach_tf.choices import AUTO, BAG_OF_WORDS, INPUT_FORMATS
from mach_tf.data.textfile import TextFile, check_regular
from mach_tf.errors import InputError
from mach_tf.input_files import open_input
from mach_tf.text.readers import annif, fasttext
from mach_tf.text.readers.settings import LINES, InputSettings
from mach_tf.text.readers.text_lines import peek_lines

PARQUET_MARK = b"PAR1"
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".fasttext": "fasttext",
    ".ft": "fasttext",
}
# Formats that a first line shows though the name stands for a more general one.
_MORE_THAN = {"tsv": ("annif",)}
_HEADER = re.compile(r"\d+[ \t]+\d+(?:[ \t]+\d+)?[ \t]*", re.ASCII)
_FIRST_BYTES = 1 << 16
_SHOWN = 40
_AUTO = InputSettings()


class Recognised(NamedTuple):
    """A format, what showed it, as a clause: "its name ends in .csv", and whether the first line shows it beyond doubt."""

    format: str
    seen: str
    certain: bool = False

    @property
    def hint(self) -> str:
        """A sentence for messages about a file that does not keep the rules of this format."""
        return f"It was read as {self.format}, because {self.seen}; if it is in another format, give input_format."


PARQUET = Recognised("parquet", "it begins with PAR1", certain=True)


def recognise(path: str, labels_path: Optional[str] = None, settings: InputSettings = _AUTO) -> Recognised:
    """Recognises the format of a file.

    Args:
      path: the file, a regular one.
      labels_path: the file with the labels, if they are in a file of their own.
      settings: what the user says; a format other than "auto" is returned as it is.

    Raises:
      InputError: no format fits.
    """
    if settings.format != AUTO:
        return _said(settings)
    check_regular(path)
    if is_parquet(path):
        return PARQUET
    with TextFile(path, "a record") as file:
        return recognise_open(file, labels_path, settings)


def is_parquet(path: str) -> bool:
    """Returns whether a regular file, or a member of a zip archive, begins like a Parquet file."""
    if not zip_members.is_file(path):
        return False
    with open_input(path) as file:
        return file.read(len(PARQUET_MARK)) == PARQUET_MARK


def recognise_open(file: TextFile, labels_path: Optional[str], settings: InputSettings) -> Recognised:
    """Recognises the format of an open file, at its beginning, which may be a pipe; otherwise like `recognise`."""
    if settings.format != AUTO:
        return _said(settings)
    lines = peek_lines(file, _FIRST_BYTES).lines
    first = lines[0] if lines else ""
    by_content = _by_content(first, settings)
    by_name = _by_name(file.path)
    if labels_path is not None and (by_content is None or by_content.format != BAG_OF_WORDS):
        return Recognised(LINES, "the labels are in a file of their own")
    found = by_name or by_content
    if by_name and by_content and by_content.format in _MORE_THAN.get(by_name.format, ()):
        found = by_content
    if found and by_content and by_content.format not in (found.format, "annif"):
        raise InputError(
            f"{file.path}: the content must be that of its name (got {found.format}, because {found.seen}, but "
            f"{by_content.format}, because {by_content.seen}). Give input_format, or rename the file."
        )
    if found and by_content and by_content.format == found.format:
        found = found._replace(certain=True)
    if (
        found is None
        and settings.labels_optional
        and not settings.given("label_fields")
        and len(settings.text_fields) <= 1
    ):
        found = Recognised(LINES, "neither its name nor its first line is that of another format")
    if found is None:
        raise InputError(
            f"{file.path} must have a known format (its first line is {shown(first[:_SHOWN])}). Give input_format, one of "
            f"{', '.join(INPUT_FORMATS[1:])}."
        )
    return found


def _said(settings: InputSettings) -> Recognised:
    return Recognised(
        settings.format, "the training data were" if "format" in settings.trained else "input_format says so"
    )


def _by_content(first: str, settings: InputSettings) -> Optional[Recognised]:
    """Returns the format that a first line shows beyond doubt, or None."""
    if _HEADER.fullmatch(first):
        return Recognised(BAG_OF_WORDS, f"its first line is {shown(first)}")
    if first.lstrip().startswith("{"):
        return Recognised("jsonl", "its first line begins with {", certain=True)
    if first.startswith(fasttext.PREFIX):
        return Recognised("fasttext", f"its first line begins with {fasttext.PREFIX}", certain=True)
    if annif.is_corpus(first) and not settings.given("label_fields"):
        return Recognised("annif", "its first line has a tab and <...> behind it", certain=True)
    return None


def _by_name(path: str) -> Optional[Recognised]:
    root, ending = os.path.splitext(path)
    if ending.lower() in _COMPRESSIONS:
        ending = os.path.splitext(root)[1]
    form = _ENDINGS.get(ending.lower())
    return Recognised(form, f"its name ends in {ending}") if form else None
