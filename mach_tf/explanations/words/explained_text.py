"""A text, its words, and where the terms of a vocabulary occur in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class ExplainedText:
    """One text of one or several fields, its words, and the occurrences of terms.

    Attributes:
      fields: the name of each field.
      texts: the text of each field, UTF-8.
      field_weights: the weight of each field, which multiplies the count of its terms.
      word_fields: int64 [words], the index of each word's field; words are in the order of the text.
      begins, ends: int64 [words], byte offsets in the field's text; words do not overlap.
      feature_ids: int64 [occurrences], the raw feature of each occurrence of a term.
      first_words, last_words: int64 [occurrences], the words that the occurrence covers, both included; of one field.
    """

    fields: Sequence[str]
    texts: Sequence[bytes]
    field_weights: Sequence[float]
    word_fields: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    feature_ids: np.ndarray
    first_words: np.ndarray
    last_words: np.ndarray

    def __len__(self) -> int:
        """The number of words."""
        return len(self.begins)

    def word(self, index: int) -> str:
        """Returns a word as it stands in the text; bytes that are not UTF-8 as U+FFFD."""
        text = self.texts[self.word_fields[index]]
        return text[self.begins[index] : self.ends[index]].decode("utf-8", "replace")

    def words_of(self, field: int) -> range:
        """Returns the indices of the words of a field."""
        return range(*np.searchsorted(self.word_fields, [field, field + 1]).tolist())

    def covered(self) -> np.ndarray:
        """Returns whether each word belongs to an occurrence of a term, bool [words]."""
        starts = np.bincount(self.first_words, minlength=len(self) + 1)
        stops = np.bincount(self.last_words + 1, minlength=len(self) + 1)
        return np.cumsum(starts - stops)[: len(self)] > 0
