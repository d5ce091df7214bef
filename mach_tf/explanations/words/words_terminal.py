"""A text with its words coloured, for a terminal; without colours it reads the same.

The strongest words are followed by their numbers, whose signs say what the colours say. With colours, words that raise the
score are blue and words that lower it orange and underlined; stronger words are bold, the strongest on a coloured ground.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mach_tf.explanations.words.displayed_text import displayed_fields, hidden_note, strengths
from mach_tf.explanations.words.word_attributions import WordAttributions

_SHOWN_CHARACTERS = 3_000
_NUMBERED = 12
# Select Graphic Rendition codes, for words above each part of the largest attribution. The colours of the 256-colour palette
# can be read on a white and on a black ground.
_LEVELS = (0.6, 0.25, 0.0)
_FOR = ("1;38;5;231;48;5;25", "1;38;5;33", "38;5;33")
_AGAINST = ("1;4;38;5;231;48;5;130", "1;4;38;5;166", "4;38;5;166")


class _Part(NamedTuple):
    """A part of a line: its text, the code of its colour or an empty one, and whether its spaces may become line breaks."""

    text: str
    code: str = ""
    breakable: bool = False


def words_terminal(words: WordAttributions, colours: bool, width: int) -> str:
    """Returns a text with the numbers of its strongest words, and coloured if `colours` is set.

    Args:
      words: the text and the attributions of its words.
      colours: whether to write ANSI codes.
      width: columns of the terminal; lines are broken between words.

    Returns:
      Lines that hold no control character of the text.
    """
    part = strengths(words.values)
    numbered = set(np.argsort(-part, kind="stable")[:_NUMBERED].tolist())
    several = len(words.text.fields) > 1
    lines: list[str] = []
    for field in displayed_fields(words.text, _SHOWN_CHARACTERS):
        if several and not field.pieces:
            continue
        parts: list[_Part] = [_Part(f"{field.name}: ", breakable=True)] if several else []
        for piece in field.pieces:
            if piece.word is None or not part[piece.word]:
                parts.append(_Part(piece.text, breakable=piece.word is None))
                continue
            value = float(words.values[piece.word])
            parts.append(_Part(piece.text, _code(value, float(part[piece.word])) if colours else ""))
            if piece.word in numbered:
                parts.append(_Part(f"[{value:+.2g}]"))
        parts.append(_Part(" " + hidden_note(field, words.values), breakable=True))
        lines += _wrapped(parts, width)
    return "\n".join(lines)


def _code(value: float, strength: float) -> str:
    codes = _FOR if value > 0 else _AGAINST
    return next(code for code, least in zip(codes, _LEVELS) if strength >= least)


def _wrapped(parts: list[_Part], width: int) -> Iterator[str]:
    """Yields lines of at most `width` columns, unless a piece without a space is longer."""
    line, columns = "", 0
    for chunk in _chunks(parts):
        length = sum(_columns(part.text) for part in chunk)
        if columns and columns + 1 + length > width:
            yield line
            line, columns = "", 0
        space = " " if columns else ""
        line += space + "".join(f"\x1b[{part.code}m{part.text}\x1b[0m" if part.code else part.text for part in chunk)
        columns += len(space) + length
    if line:
        yield line


def _chunks(parts: list[_Part]) -> Iterator[list[_Part]]:
    """Yields runs without a space, each a list of parts."""
    chunk: list[_Part] = []
    for part in parts:
        if not part.breakable:
            chunk.append(part)
            continue
        for i, run in enumerate(re.split(r"\s+", part.text)):
            if i and chunk:
                yield chunk
                chunk = []
            if run:
                chunk.append(_Part(run))
    if chunk:
        yield chunk


def _columns(text: str) -> int:
    """Returns the columns that a terminal needs: two for a wide character, none for a combining one."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)
