"""A text cut into pieces for display, words and what stands between them; long pieces and long texts are shortened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mach_tf.explanations.words.explained_text import ExplainedText
from mach_tf.explanations.words.word_attributions import WordAttributions
from mach_tf.visible_text import shortened, visible

# A longer word, or gap between two words, is shown by its beginning and its end.
_PIECE_CHARACTERS = 200
# Words below this part of the largest attribution are left without colour.
LEAST_STRENGTH = 0.08


class Piece(NamedTuple):
    """A part of a text: `text` is fit to be shown; `word` is the index of the word, None between words."""

    text: str
    word: Optional[int]


class DisplayedField(NamedTuple):
    """A field of a text as it is shown.

    Attributes:
      name: the field's name.
      pieces: the shown part of the text.
      hidden_words: the indices of the words that are not shown.
      hidden_characters: the length of the text that is not shown, in characters.
    """

    name: str
    pieces: list[Piece]
    hidden_words: range
    hidden_characters: int


def displayed_fields(text: ExplainedText, limit: int) -> list[DisplayedField]:
    """Returns the fields of a text cut into pieces, at most about `limit` characters of each field."""
    return [_displayed(text, field, limit) for field in range(len(text.fields))]


def hidden_note(field: DisplayedField, values: np.ndarray) -> str:
    """Returns a sentence on what is not shown of a field, empty if everything is shown.

    Args:
      field: the field.
      values: float64 [words], the attributions of all words of the text.
    """
    if not field.hidden_characters:
        return ""
    total = float(values[field.hidden_words.start : field.hidden_words.stop].sum())
    words = f", whose {len(field.hidden_words):,} words have {total:+.3g}" if field.hidden_words else ""
    return f"[… {field.hidden_characters:,} more characters{words} …]"


def rest_note(words: WordAttributions) -> str:
    """Returns a sentence on what belongs to no word of a text, empty if that is nothing."""
    return f"{words.rest:+.3g} belongs to no word of this text." if words.rest else ""


def strengths(values: np.ndarray) -> np.ndarray:
    """Returns how strongly each word is coloured, float64 [words] in [0, 1]: its part of the largest magnitude, 0 if small."""
    largest = np.abs(values).max(initial=0.0)
    parts = np.abs(values) / largest if largest else np.zeros(len(values))
    return np.where(parts < LEAST_STRENGTH, 0.0, parts)


def _displayed(text: ExplainedText, field: int, limit: int) -> DisplayedField:
    pieces: list[Piece] = []
    words = text.words_of(field)
    content, shown, end = text.texts[field], 0, 0
    for piece, last_byte in _pieces(content, text, words):
        if shown >= limit:
            break
        pieces.append(piece)
        shown += len(piece.text)
        end = last_byte
    n_shown = sum(piece.word is not None for piece in pieces)
    hidden = len(content[end:].decode("utf-8", "replace"))
    return DisplayedField(text.fields[field], pieces, words[n_shown:], hidden)


def _pieces(content: bytes, text: ExplainedText, words: range) -> Iterator[tuple[Piece, int]]:
    """Yields the pieces of a field that are not empty, each with the byte offset of its end."""
    end = 0
    for word in words:
        begin = int(text.begins[word])
        if begin > end:
            yield Piece(_shown(content[end:begin]), None), begin
        end = int(text.ends[word])
        yield Piece(_shown(content[begin:end]), word), end
    if end < len(content):
        yield Piece(_shown(content[end:]), None), len(content)


def _shown(content: bytes) -> str:
    return visible(shortened(content.decode("utf-8", "replace"), _PIECE_CHARACTERS))
