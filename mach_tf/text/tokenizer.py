"""From texts to the fingerprints of their terms, as a TensorFlow graph: the same for training, prediction and serving."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mach_tf.text import ngrams
from mach_tf.text.ngrams import Candidates
from mach_tf.text.normalisation import Words, row_ids
from mach_tf.text.text_functions import text_function
from mach_tf.text.words import WordSplitter
from mach_tf.text_spec import TextSpec


class Terms(NamedTuple):
    """The term occurrences of n records.

    Attributes:
      row_splits: int64 [n + 1]; record i has the entries row_splits[i]:row_splits[i + 1] of the next two.
      fingerprints: int64 [occurrences], the fingerprint of the term.
      weights: float32 [occurrences], the weight of the field.
      words: int64 scalar, the number of words in all records.
    """

    row_splits: tf.Tensor
    fingerprints: tf.Tensor
    weights: tf.Tensor
    words: tf.Tensor


class Tokenizer(tf.Module):
    """Finds the terms of texts.

    Args:
      spec: how texts become terms.
    """

    def __init__(self, spec: TextSpec) -> None:
        super().__init__(name="tokenizer")
        self.spec = spec
        self._split = WordSplitter()
        self._terms = text_function(self._find_terms, len(spec.fields))

    def __call__(self, texts: tf.Tensor) -> Terms:
        """Returns the terms of records, string [n, fields] of UTF-8."""
        return self._terms(texts)

    def words(self, texts: tf.Tensor) -> Words:
        """Returns the words of texts, string [n, fields]; they are numbered by record, then by field."""
        return self._split(tf.reshape(texts, [-1]))

    def candidates(self, words: Words) -> list[Candidates]:
        """Returns the n-grams of words, as `words` returns them; fingerprints are those of the fields."""
        found = []
        if self.spec.word_ngrams[1]:
            found.append(ngrams.word_ngrams(words.words, words.splits, self.spec.word_ngrams))
        if self.spec.char_ngrams[1]:
            found.append(ngrams.character_ngrams(words.words, words.splits, self.spec.char_ngrams))
        return [self._of_fields(part) for part in found]

    def field_of(self, part: Candidates, places: tf.Tensor) -> tf.Tensor:
        """Returns the field, by position, that places are in, int64."""
        size = tf.size(part.words, tf.int64)
        return tf.gather(row_ids(part.splits[1:-1], size), places) % len(self.spec.fields)

    def weights(self, part: Candidates, places: tf.Tensor) -> tf.Tensor:
        """Returns the weight of the field that places are in, float32."""
        weights = [field.weight for field in self.spec.fields]
        if len(set(weights)) == 1:
            return tf.fill(tf.shape(places), weights[0])
        return tf.gather(tf.constant(weights), self.field_of(part, places))

    def _of_fields(self, part: Candidates) -> Candidates:
        """Changes the fingerprints of the fields that are kept apart."""
        if not any(field.apart for field in self.spec.fields):
            return part
        places = tf.range(tf.size(part.words, tf.int64))
        field = self.field_of(part, places)
        shape = tf.shape(part.fingerprints)
        for i, text_field in enumerate(self.spec.fields):
            if text_field.apart:
                own = tf.where(field == i)
                changed = ngrams.apart(tf.reshape(tf.gather(part.fingerprints, own[:, 0]), [-1]), text_field.name)
                rows = tf.reshape(changed, [-1, shape[1]])
                part = part._replace(fingerprints=tf.tensor_scatter_nd_update(part.fingerprints, own, rows))
        return part

    def _find_terms(self, texts: tf.Tensor) -> Terms:
        parts = []
        words = self.words(texts)
        for part in self.candidates(words):
            places = tf.where(part.valid)[:, 0]
            parts.append(
                Terms(
                    tf.searchsorted(places, part.splits[:: len(self.spec.fields)], out_type=tf.int64),
                    tf.boolean_mask(part.fingerprints, part.valid),
                    self.weights(part, places),
                    tf.size(words.words, tf.int64),
                )
            )
        return join(parts)


def join(parts: list[Terms]) -> Terms:
    """Returns the entries of several parts, by record."""
    if len(parts) == 1:
        return parts[0]
    splits = tf.add_n([part.row_splits for part in parts])
    joined = [
        tf.concat([tf.RaggedTensor.from_row_splits(part[k], part.row_splits, validate=False) for part in parts], 1)
        for k in (1, 2)
    ]
    return Terms(splits, joined[0].values, joined[1].values, parts[0].words)
