"""Where the terms of texts stand: for explanations, which colour words, and for naming terms."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class TextWords:
    """The words of n records, by record and field.

    Attributes:
      row: int64 [words], the record.
      field: int64 [words], the position of the field.
      begin, end: int64 [words], the bytes of the field's UTF-8 text that the word comes from. Words never overlap in part, but
        those of one character that stands for several, such as "½", have the same bytes.
      text: the words in normal form.
    """

    row: np.ndarray
    field: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    text: list[str]

    def __len__(self) -> int:
        return len(self.text)


@dataclasses.dataclass(frozen=True)
class Occurrences:
    """The occurrences of the vocabulary's terms in n records, those of words before those of characters.

    Attributes:
      words: the words of the records, whether or not the vocabulary has them.
      row: int64 [occurrences], the record.
      field: int64 [occurrences], the position of the field.
      feature_id: int64 [occurrences].
      first_word, last_word: int64 [occurrences], the places in `words` of the first and the last word of the term; one word for a
        character n-gram.
      first_character: int64 [occurrences], of a character n-gram, where the mark of the word's begin is 0; -1 for words.
      length: int64 [occurrences], the n of the n-gram.
    """

    words: TextWords
    row: np.ndarray
    field: np.ndarray
    feature_id: np.ndarray
    first_word: np.ndarray
    last_word: np.ndarray
    first_character: np.ndarray
    length: np.ndarray

    def __len__(self) -> int:
        return len(self.row)
