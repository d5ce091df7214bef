"""Finds the words of texts and the occurrences of a vocabulary's terms, as explanations need them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mach_tf.explanations.words.explained_text import ExplainedText
from mach_tf.text.occurrences import Occurrences
from mach_tf.text.term_weighting import batches
from mach_tf.text.vectorizer import TextVectorizer
from mach_tf.text_spec import TextSpec


def explained_texts(vectorizer: TextVectorizer, texts: Sequence[Sequence[Any]]) -> list[ExplainedText]:
    """Returns the words and the terms of records.

    Args:
      vectorizer: makes points of texts.
      texts: the texts of each record, one per field: str, or UTF-8 bytes.
    """
    spec = vectorizer.vocabulary.spec
    return [
        text
        for batch in batches(texts, len(spec.fields))
        for text in _split(batch, vectorizer.occurrences(batch), spec)
    ]


def _split(batch: np.ndarray, found: Occurrences, spec: TextSpec) -> Iterator[ExplainedText]:
    """Yields one text for each row of a batch."""
    words = found.words
    firsts, place = _distinct_spans(words.row, words.field, words.begin, words.end)
    rows = np.arange(len(batch) + 1)
    word_splits = np.searchsorted(words.row[firsts], rows)
    order = np.argsort(found.row, kind="stable")
    splits = np.searchsorted(found.row[order], rows)
    # The last byte of words with the same begin.
    ends = np.maximum.reduceat(words.end, firsts) if len(firsts) else words.end
    for row, content in enumerate(batch):
        chosen = firsts[word_splits[row] : word_splits[row + 1]]
        here = order[splits[row] : splits[row + 1]]
        yield ExplainedText(
            spec.field_names,
            content.tolist(),
            [field.weight for field in spec.fields],
            words.field[chosen],
            words.begin[chosen],
            ends[word_splits[row] : word_splits[row + 1]],
            found.feature_id[here],
            place[found.first_word[here]] - word_splits[row],
            place[found.last_word[here]] - word_splits[row],
        )


def _distinct_spans(
    row: np.ndarray, field: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Joins words that have bytes in common, as those of one character that stands for several: "½" is the words 1 and 2.

    Returns:
      The first word of each group of words, and the group of each word.
    """
    if not len(row):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    same_field = (row[1:] == row[:-1]) & (field[1:] == field[:-1])
    # Words are in order and overlap with neighbours alone.
    new = np.concatenate([[True], ~(same_field & (begin[1:] < end[:-1]))])
    return np.flatnonzero(new), np.cumsum(new) - 1
