"""How terms are spelled in a vocabulary, and read again: "word", "two words", "~<wo" of characters, "title: word" of a field kept apart.

Terms are spelled in Unicode's composed form (NFC), as texts usually are; their fingerprints are those of the normal form.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from mach_tf.text.ngrams import BEGIN, END
from mach_tf.text_spec import TextSpec

_CHARACTERS = "~"
_FIELD = ": "


class Spelling(NamedTuple):
    """A term's parts.

    Attributes:
      text: its words, or its characters without the marks of a word's begin and end.
      field: the position of its field if that is kept apart, else -1.
      characters: whether it is a character n-gram.
      begin, end: whether a character n-gram has the mark of the word's begin and end.
    """

    text: str
    field: int = -1
    characters: bool = False
    begin: bool = False
    end: bool = False


def spell_words(words: Sequence[str], spec: TextSpec, field: int) -> str:
    """Returns the term of words in normal form, in a field."""
    return _prefix(spec, field) + unicodedata.normalize("NFC", " ".join(words))


def spell_characters(word: str, first: int, length: int, spec: TextSpec, field: int) -> str:
    """Returns the term of a character n-gram.

    Args:
      word: in normal form.
      first: the n-gram's first character, where the mark of the word's begin is 0.
      length: the characters of the n-gram; less stand there if the word, with its marks, is shorter.
      spec: how texts become terms.
      field: the field's position.
    """
    marked = f"{BEGIN}{word}{END}"
    last = min(first + length, len(marked))
    # The marks stay out of the composition: "<" and a slash that overlays it have a composed form.
    inner = unicodedata.normalize("NFC", marked[max(first, 1) : min(last, len(marked) - 1)])
    return f"{_prefix(spec, field)}{_CHARACTERS}{BEGIN * (first == 0)}{inner}{END * (last == len(marked))}"


def read_term(term: str, spec: TextSpec) -> Spelling:
    """Returns the parts of a term; of a text that is no term, parts that have no fingerprint or another."""
    # No term has a colon beside that after its field; a field's name may have some.
    name, colon, rest = term.rpartition(_FIELD)
    field = next((i for i, one in enumerate(spec.fields) if colon and one.apart and one.name == name), -1)
    rest = rest if field >= 0 else term
    if not rest.startswith(_CHARACTERS):
        return Spelling(rest, field)
    inner = rest[len(_CHARACTERS) :]
    begin, end = inner.startswith(BEGIN), inner.endswith(END)
    return Spelling(inner[begin : len(inner) - end], field, True, begin, end)


def _prefix(spec: TextSpec, field: int) -> str:
    return f"{spec.fields[field].name}{_FIELD}" if spec.fields[field].apart else ""
