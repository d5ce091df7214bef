"""A text during an attack on its words: pieces that are words, and what stands between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class EditedText:
    """The texts of one record.

    Attributes:
      pieces: for each field what stands before the first word, the first word, what stands between it and the second, and so on.
      edited: the words that were changed, as field and number of the piece; they are not changed again.
    """

    pieces: tuple[tuple[str, ...], ...]
    edited: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def of(cls, texts: Sequence[bytes], fields: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> EditedText:
        """Cuts the texts of a record at its words.

        Args:
          texts: UTF-8, one per field.
          fields, begins, ends: int64 [words], the field and the bytes of each word, in order; words do not overlap.
        """
        pieces = []
        for field, text in enumerate(texts):
            bounds = np.stack([begins, ends], axis=1)[fields == field].ravel().tolist()
            cuts = zip([0, *bounds], [*bounds, len(text)])
            pieces.append(tuple(text[begin:end].decode("utf-8", "replace") for begin, end in cuts))
        return cls(tuple(pieces))

    @property
    def texts(self) -> list[str]:
        """The text of each field."""
        return ["".join(pieces) for pieces in self.pieces]

    def words(self) -> Iterator[tuple[int, int]]:
        """Yields the words that were not changed, as field and number of the piece."""
        for field, pieces in enumerate(self.pieces):
            for piece in range(1, len(pieces), 2):
                if (field, piece) not in self.edited:
                    yield field, piece

    def word(self, place: tuple[int, int]) -> str:
        """Returns a word as it stands in the text."""
        return self.pieces[place[0]][place[1]]

    def without(self, place: tuple[int, int]) -> EditedText:
        """Returns the text without a word, and without one of the spaces around it."""
        field, piece = place
        before, after = self.pieces[field][piece - 1 : piece + 2 : 2]
        if before.endswith(" ") and (after or piece + 2 == len(self.pieces[field])):
            before = before[:-1]
        return self._with(place, piece - 1, (before, ""))

    def replaced(self, place: tuple[int, int], word: str) -> EditedText:
        """Returns the text with another word in place of one."""
        return self._with(place, place[1], (word,))

    def with_added(self, field: int, word: str) -> EditedText:
        """Returns the text with one more word at the end of a field."""
        last = len(self.pieces[field]) - 1
        text = self.pieces[field][last]
        separator = "" if not text and last == 0 else " "
        return dataclasses.replace(self, pieces=self._pieces(field, last, (f"{text}{separator}{word}",)))

    def _with(self, place: tuple[int, int], first: int, new: tuple[str, ...]) -> EditedText:
        return EditedText(self._pieces(place[0], first, new), self.edited | {place})

    def _pieces(self, field: int, first: int, new: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        own = self.pieces[field]
        changed = (*own[:first], *new, *own[first + len(new) :])
        return (*self.pieces[:field], changed, *self.pieces[field + 1 :])
