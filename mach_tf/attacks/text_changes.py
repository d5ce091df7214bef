"""What a person can do to a text: leave a word out, replace one by a near word or by a typing error, add one at the end.

Each changed text becomes a point by the tokenizer and the weighting of the model: new pairs of neighbours, counts, and the norm that falls
with every word that goes. Words are occurrences here, not terms: leaving one out of two changes the count of its term.

Near words are those of NearWords among the single words of the vocabulary. Of a text with too many words to try, those are tried whose
terms raise the score of the label under attack most, by the gradient.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mach_tf.attacks.added_words import best_additions
from mach_tf.attacks.edited_text import EditedText
from mach_tf.attacks.near_words import NearWords
from mach_tf.attacks.typos import typos
from mach_tf.attacks.word_candidates import differences
from mach_tf.attacks.word_states import Gradient, Proposals, States, with_labels
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.text.spelling import read_term
from mach_tf.text.term_weighting import batches

# Words of a text that are left out, and replaced, in turn.
_DROPPED, _REPLACED = 256, 16


class TextState(NamedTuple):
    """A changed text.

    Attributes:
      text: the text.
      columns: for each word of the unchanged text, as field and number of the piece, the features of the terms that it is part of.
    """

    text: EditedText
    columns: dict[tuple[int, int], list[int]]


@dataclasses.dataclass(frozen=True)
class TextChanges:
    """Changes of texts.

    Attributes:
      method: "drop_words", "swap_words" or "add_words".
      network: the model of texts that is attacked.
      rows: the texts of all points, one per field.
    """

    method: str
    network: Network
    rows: Sequence[Sequence[str]]

    def start(self, points: Points, first: int) -> States:
        """Returns unchanged texts, the first of which is that of point number `first`."""
        rows = [self.network.texts.padded(row) for row in self.rows[first : first + len(points)]]
        contents = [self._state(row) for row in rows]
        if self.method == "swap_words":  # all at once: one by one they take ten times as long
            columns = {column for state in contents for of_word in state.columns.values() for column in of_word}
            self._neighbours.of(np.array(sorted(columns), np.int64))
        return States(points, np.arange(len(points)), contents)

    def proposals(self, states: States, gradient: Gradient) -> Proposals:
        """Returns texts with one more change."""
        owners: list[int] = []
        contents: list[TextState] = []
        additions = self._additions(states, gradient) if self.method == "add_words" else [[]] * len(states.points)
        slopes = gradient(states) if self._chooses(states) else None
        for row, state in enumerate(states.contents):
            changed = self._changed(state, additions[row], None if slopes is None else slopes[row])
            contents += [state._replace(text=text) for text in changed]
            owners += [row] * len(changed)
        state_of = np.array(owners, np.int64)
        points = with_labels(self._points([content.text for content in contents]), states.points, state_of)

        def build(chosen: np.ndarray) -> States:
            return States(points[chosen], states.owner[state_of[chosen]], [contents[i] for i in chosen.tolist()])

        return Proposals(differences(states.points, points, state_of), build)

    def _chooses(self, states: States) -> bool:
        """Returns whether a gradient is needed, to choose among the words of long texts."""
        most = {"drop_words": _DROPPED, "swap_words": _REPLACED}.get(self.method)
        return most is not None and any(len(list(state.text.words())) > most for state in states.contents)

    def _changed(self, state: TextState, additions: list[str], slopes: np.ndarray | None) -> list[EditedText]:
        text = state.text
        if self.method == "add_words":
            return [text.with_added(_last_field(text), word) for word in additions]
        places = list(text.words())
        most = _DROPPED if self.method == "drop_words" else _REPLACED
        if len(places) > most:
            assert slopes is not None
            holds = np.array([slopes[state.columns.get(place, [])].sum() for place in places])
            places = [places[i] for i in np.sort(np.argsort(holds, kind="stable")[:most])]
        if self.method == "drop_words":
            return [text.without(place) for place in places]
        return [text.replaced(place, word) for place in places for word in self._near(state, place)]

    def _near(self, state: TextState, place: tuple[int, int]) -> list[str]:
        """Returns near words and typing errors."""
        words, column_of = self._words
        word = state.text.word(place)
        column = column_of.get(self._key(word, place[0]))
        near = (
            []
            if column is None
            else [words[other] for other in self._neighbours.of(np.array([column]))[0] if other >= 0]
        )
        return [new for new in dict.fromkeys([*near, *typos(word)]) if new.casefold() != word.casefold()]

    def _additions(self, states: States, gradient: Gradient) -> list[list[str]]:
        """Returns the single words of the vocabulary whose addition promises most, for each text."""
        words, _ = self._words
        weights = np.zeros(self.network.manifest.columns, np.float32)
        weights[list(words)] = 1
        found = best_additions(states, gradient, self.network.manifest.columns, weights)
        return [[words[column] for column in row if column in words] for row in found.tolist()]

    def _state(self, row: Sequence[str]) -> TextState:
        vectorizer = self.network.texts.vectorizer
        (batch,) = batches([row], len(row))
        found = vectorizer.occurrences(batch)
        words = found.words
        # "½" is the words 1 and 2, which are one place of the text.
        new = np.append(True, (words.field[1:] != words.field[:-1]) | (words.begin[1:] >= words.end[:-1]))[: len(words)]
        group = np.cumsum(new) - 1
        ends = np.maximum.reduceat(words.end, np.flatnonzero(new)) if len(words) else words.end
        fields = words.field[new]
        counts = np.zeros(len(row), np.int64)
        places: list[tuple[int, int]] = []
        for field in fields.tolist():
            places.append((field, int(2 * counts[field] + 1)))
            counts[field] += 1
        columns: dict[tuple[int, int], list[int]] = {place: [] for place in places}
        ids = self.network.manifest.feature_spec.ids(found.feature_id)
        for column, begin, end in zip(ids.tolist(), group[found.first_word].tolist(), group[found.last_word].tolist()):
            for place in places[begin : end + 1]:
                columns[place].append(column)
        return TextState(EditedText.of(batch[0], fields, words.begin[new], ends), columns)

    def _points(self, texts: Sequence[EditedText]) -> Points:
        raw = self.network.texts.rows([text.texts for text in texts])
        return self.network.manifest.feature_spec.apply(raw)

    def _key(self, word: str, field: int) -> tuple[str, int]:
        spec = self.network.texts.vectorizer.vocabulary.spec
        return word.casefold(), field if spec.fields[field].apart else -1

    @functools.cached_property
    def _words(self) -> tuple[dict[int, str], dict[tuple[str, int], int]]:
        """The single words of the vocabulary by column, the most frequent of each, and the columns by word and field apart."""
        vocabulary = self.network.texts.vectorizer.vocabulary
        spellings = [read_term(term, vocabulary.spec) for term in vocabulary.terms]
        columns = self.network.manifest.feature_spec.ids(np.arange(len(spellings))).tolist()
        words: dict[int, str] = {}
        column_of: dict[tuple[str, int], int] = {}
        for column, spelling in zip(columns, spellings):
            if not spelling.characters and " " not in spelling.text:
                words.setdefault(column, spelling.text)
                column_of.setdefault((spelling.text.casefold(), spelling.field), column)
        return words, column_of

    @functools.cached_property
    def _neighbours(self) -> NearWords:
        allowed = np.zeros(self.network.manifest.columns, bool)
        allowed[list(self._words[0])] = True
        return NearWords(self.network, allowed)


def _last_field(text: EditedText) -> int:
    """Returns the last field with a word; the first if there is none."""
    return max((field for field, pieces in enumerate(text.pieces) if len(pieces) > 1), default=0)
