"""Shares the attributions of terms among the words of the text.

The value of a term is a function of its weighted count: the sum over its occurrences of the weight of their field. An
attribution is of the term as a whole, so each occurrence gets the part of it that is the occurrence's part of the weighted
count, and each of the occurrence's words the same part of that. With a_t the attribution of term t, O_t its occurrences, w_o
the weight of an occurrence's field and n_o its number of words, word i gets

    sum over t, over the o in O_t that cover i, of a_t * w_o / (n_o * sum of w over O_t).

The sum is preserved: the words' attributions and the rest, which is what belongs to no word of this text, add up to the
attributions of the terms.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mach_tf.explanations.words.explained_text import ExplainedText


@dataclasses.dataclass(frozen=True, eq=False)
class WordAttributions:
    """The attributions of one label's score for the words of a text.

    Attributes:
      text: the text and its words.
      values: float64 [words].
      rest: the sum of the attributions that belong to no word: of features that only the baseline has.
    """

    text: ExplainedText
    values: np.ndarray
    rest: float

    def to_json(self) -> list[dict[str, Any]]:
        """Returns the words that belong to a term of the vocabulary, with their field, byte offsets and attribution."""
        text = self.text
        return [
            {
                "field": text.fields[text.word_fields[i]],
                "begin": int(text.begins[i]),
                "end": int(text.ends[i]),
                "word": text.word(i),
                "attribution": float(self.values[i]),
            }
            for i in np.flatnonzero(text.covered()).tolist()
        ]


def word_attributions(text: ExplainedText, feature_ids: np.ndarray, attributions: np.ndarray) -> WordAttributions:
    """Shares the attributions of raw features among the words of a text.

    Args:
      text: the text, its words and the occurrences of terms.
      feature_ids: int64 [features], raw ids in any order; an id may occur twice, and -1 is a feature without a raw id.
      attributions: float64 [features].

    Returns:
      An attribution for each word, and the rest; their sum is that of `attributions`, but for rounding.
    """
    ids, columns = np.unique(text.feature_ids, return_inverse=True)
    weights = np.asarray(text.field_weights, np.float64)[text.word_fields[text.first_words]]
    totals = np.bincount(columns, weights, len(ids))
    places = np.searchsorted(ids, feature_ids)
    found = np.zeros(len(feature_ids), bool)
    inside = places < len(ids)
    found[inside] = (ids[places[inside]] == feature_ids[inside]) & (totals[places[inside]] > 0)
    of_terms = np.bincount(places[found], attributions[found], len(ids))
    shares = np.divide(weights, totals[columns], out=np.zeros(len(weights)), where=totals[columns] > 0)
    lengths = text.last_words - text.first_words + 1
    each = of_terms[columns] * shares / lengths
    # The words of each occurrence: first, first + 1, ..., last.
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    values = np.bincount(np.repeat(text.first_words, lengths) + position, np.repeat(each, lengths), len(text))
    return WordAttributions(text, values, float(attributions[~found].sum()))
