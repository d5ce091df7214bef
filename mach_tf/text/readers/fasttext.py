"""fastText's format: words of a line that begin with `__label__` are its labels, the others its text."""

from __future__ import annotations

import re

from mach_tf.data.textfile import TextFile
from mach_tf.text.readers.record_reader import LineReader, Parts
from mach_tf.text.readers.settings import TEXT, InputSettings

PREFIX = "__label__"
# fastText's white space: that of ASCII, and NUL.
_LABEL = re.compile(rf"(?:^|(?<=[ \t\v\f\r\0])){PREFIX}([^ \t\v\f\r\0]*)")


def open_fasttext(file: TextFile, settings: InputSettings, hint: str = "") -> LineReader:
    """Returns the reader of a file in fastText's format."""
    return LineReader(file, settings, settings.text_fields or (TEXT,), parse, hint)


def parse(line: str) -> Parts:
    """Returns the text and the labels of a line.

    Example:
      >>> parse("__label__optics __label__lasers A short pulse")
      (['A short pulse'], ['optics', 'lasers'])
    """
    if PREFIX not in line:
        return [line], []
    return [_LABEL.sub("", line).strip()], _LABEL.findall(line)
