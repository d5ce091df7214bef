"""fastText's format: words of a line that begin with `__label__` are its labels, the others its text."""

from __future__ import annotations

import re

from mach_tf.data.textfile import TextFile
from mach_tf.text.readers.record_reader import LineReader, Parts
from mach_tf.text.readers.settings import TEXT, InputSettings

PREFIX = "__label__"
# fastText's white space: that of ASCII, and NUL.
_BLANKS = " \t\v\f\r\0"
# A pattern that looks at what stands before takes five times as long.
_WORD = re.compile(f"{PREFIX}([^{_BLANKS}]*)")


def open_fasttext(file: TextFile, settings: InputSettings, hint: str = "") -> LineReader:
    """Returns the reader of a file in fastText's format."""
    return LineReader(file, settings, settings.text_fields or (TEXT,), parse, hint)


def parse(line: str) -> Parts:
    """Returns the text and the labels of a line.

    Example:
      >>> parse("__label__optics __label__lasers A short pulse")
      (['A short pulse'], ['optics', 'lasers'])
    """
    text, labels, end = [], [], 0
    for match in _WORD.finditer(line):
        begin = match.start()
        if begin == 0 or line[begin - 1] in _BLANKS:
            text.append(line[end:begin])
            labels.append(match[1])
            end = match.end()
    return ["".join([*text, line[end:]]).strip()], labels
