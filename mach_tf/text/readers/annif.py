"""Annif's TSV corpora: a text, a tab, and the subjects' URIs in angle brackets, one document per line; nothing is quoted."""

from __future__ import annotations

import re

from mach_tf.arguments import shown
from mach_tf.data.textfile import TextFile
from mach_tf.text.readers.record import Fault
from mach_tf.text.readers.record_reader import LineReader, Parts
from mach_tf.text.readers.settings import TEXT, InputSettings

_SUBJECTS = re.compile(r"<[^<>\t]*>(?: +<[^<>\t]*>)*")


def open_annif(file: TextFile, settings: InputSettings, hint: str = "") -> LineReader:
    """Returns the reader of a TSV corpus."""
    optional = settings.labels_optional

    def parse(line: str) -> Parts:
        text, tab, subjects = line.partition("\t")
        if not tab and not optional:
            raise Fault(f"a line must be a text, a tab and <URI> <URI> ... (got no tab in {shown(line)}).")
        return [text], parse_subjects(subjects)

    return LineReader(file, settings, settings.text_fields or (TEXT,), parse, hint)


def parse_subjects(text: str) -> list[str]:
    """Returns the URIs of a text's subjects; angle brackets may be left out.

    Raises:
      Fault: there is another tab, or a bracket is missing.

    Example:
      >>> parse_subjects("<http://example.org/1> <http://example.org/2>")
      ['http://example.org/1', 'http://example.org/2']
    """
    if "\t" in text:
        last = text.rpartition("\t")[2]
        raise Fault(f"a line must have one tab, before the subjects (got another before {shown(last)}).")
    return [_uri(item) for item in text.split()]


def is_corpus(line: str) -> bool:
    """Returns whether a line is that of a TSV corpus beyond doubt: one tab, and bracketed subjects behind it.

    Example:
      >>> is_corpus("A text\\t<http://example.org/1>"), is_corpus("A text\\tphysics")
      (True, False)
    """
    _, tab, subjects = line.partition("\t")
    return bool(tab and _SUBJECTS.fullmatch(subjects.strip()))


def _uri(item: str) -> str:
    uri = item[1:-1] if item.startswith("<") and item.endswith(">") and len(item) > 1 else item
    if "<" in uri or ">" in uri:
        raise Fault(f"a subject must be a URI in angle brackets, <URI> (got {shown(item)}).")
    return uri
