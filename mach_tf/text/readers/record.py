"""A record of a file of texts, batches of records, and the rules that all records keep."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mach_tf.arguments import shown
from mach_tf.data.bad_line import BadLine
from mach_tf.text.readers.settings import InputSettings

# A longer one is the text of a wrong field.
MAX_LABEL_CHARACTERS = 1000
# Control characters, line and paragraph separators, halves of surrogate pairs: names are written one per line.
_REFUSED = {"Cc", "Zl", "Zp", "Cs"}


class Fault(ValueError):
    """A record breaks a rule; the message is the problem of a BadLine, a sentence."""


class Record(NamedTuple):
    """One record: its line, from 1 (in Parquet its row), its texts, one per field, and its label keys, distinct and in order."""

    line: int
    texts: tuple[str, ...]
    labels: tuple[str, ...]


class RecordBatch(NamedTuple):
    """Records that follow each other in a file.

    Attributes:
      path: the file.
      records: the records that break no rule.
      bad_lines: those that break one.
      bytes_read: number of bytes read from disk for this batch.
    """

    path: str
    records: list[Record]
    bad_lines: list[BadLine]
    bytes_read: int


def make_record(line: int, texts: Sequence[str], labels: Iterable[str], settings: InputSettings) -> Record:
    """Builds a record; labels lose the blanks around them, and repeated ones.

    Raises:
      Fault: it has no text, no label though labels are not optional, or a label that cannot be a name.
    """
    for text in texts:
        if text and not text.isspace():
            break
    else:
        fields = f" in {', '.join(settings.text_fields)}" if settings.text_fields else ""
        raise Fault(f"a record must have text (got none{fields}).")
    keys = dict.fromkeys(map(str.strip, labels))
    for key in keys:
        # Most labels pass this test, which is one call of C.
        if not key.isprintable() or not 0 < len(key) <= MAX_LABEL_CHARACTERS:
            check_name(key, "a label")
    if not keys and not settings.labels_optional:
        fields = f" in {', '.join(settings.label_fields)}" if settings.label_fields else ""
        raise Fault(f"a record must have a label (got none{fields}).")
    return Record(line, tuple(texts), tuple(keys))


def check_name(name: str, what: str) -> None:
    """Raises Fault for text that cannot be a label or the name of one; `what` begins the message: "a label"."""
    if not name:
        raise Fault(f"{what} must not be empty (got '').")
    if len(name) > MAX_LABEL_CHARACTERS:
        raise Fault(
            f"{what} must have at most {MAX_LABEL_CHARACTERS} characters (got {len(name)}, which begin with {shown(name[:40])})."
        )
    wrong = next((character for character in name if unicodedata.category(character) in _REFUSED), None)
    if wrong is not None:
        raise Fault(f"{what} must have no control characters or line breaks (got {shown(wrong)} in {shown(name)}).")
