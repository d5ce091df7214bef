"""From texts to the fingerprints of their terms, as a TensorFlow graph: the same for training, prediction and serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mach_tf.text import ngrams
from mach_tf.text.ngrams import Candidates
from mach_tf.text.normalisation import Words, row_ids
from mach_tf.text.text_functions import text_function
from mach_tf.text.words import WordSplitter
from mach_tf.text_spec import TextSpec


class Starts(NamedTuple):
    """Where n-grams of words, or those of characters, may begin.

    Attributes:
      words: int64 [places], the word that the place is in.
      characters: int64 [places], the place within the word, where the mark of its begin is 0; -1 for word n-grams.
    """

    words: tf.Tensor
    characters: tf.Tensor


class Terms(NamedTuple):
    """The term occurrences of n records.

    Attributes:
      row_splits: int64 [n + 1]; record i has the entries row_splits[i]:row_splits[i + 1] of the next three.
      fingerprints: int64 [occurrences], the fingerprint of the term.
      weights: float32 [occurrences], the weight of the field.
      places: int64 [occurrences], the flat position of the n-gram among the candidates, which `Tokenizer.origins` reads.
      words: string [words], the words of all records, in normal form.
      word_splits: int64 [n * fields + 1], as of Words.
      starts: of word n-grams, if the spec has them, then of character n-grams.
    """

    row_splits: tf.Tensor
    fingerprints: tf.Tensor
    weights: tf.Tensor
    places: tf.Tensor
    words: tf.Tensor
    word_splits: tf.Tensor
    starts: list[Starts]


class Origins(NamedTuple):
    """Where n occurrences of terms stand.

    Attributes:
      fields: int64 [n], the position of the field.
      words: int64 [n], the first word, by its position among the words of all records.
      characters: int64 [n], the first character, as of Starts.
      lengths: int64 [n], the n of the n-gram.
    """

    fields: np.ndarray
    words: np.ndarray
    characters: np.ndarray
    lengths: np.ndarray


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

    def origins(self, terms: Terms, occurrences: np.ndarray) -> Origins:
        """Returns where some of the occurrences in records stand, int64 [n] of positions."""
        spec = self.spec
        words, characters, lengths = (np.zeros(len(occurrences), np.int64) for _ in range(3))
        places = terms.places.numpy()[occurrences]
        for starts, (least, most) in zip(
            terms.starts, (pair for pair in (spec.word_ngrams, spec.char_ngrams) if pair[1])
        ):
            place, column = np.divmod(places, most - least + 1)
            here = (place >= 0) & (place < len(starts.words))
            words[here] = starts.words.numpy()[place[here]]
            characters[here] = starts.characters.numpy()[place[here]]
            lengths[here] = least + column[here]
            places = places - len(starts.words) * (most - least + 1)
        fields = (np.searchsorted(terms.word_splits.numpy(), words, "right") - 1) % len(spec.fields)
        return Origins(fields, words, characters, lengths)

    def field_of(self, part: Candidates, places: tf.Tensor) -> tf.Tensor:
        """Returns the field, by position, that places are in, int64."""
        size = tf.size(part.words, tf.int64)
        return tf.gather(row_ids(part.splits[1:-1], size), places) % len(self.spec.fields)

    def chosen(
        self, part: Candidates, values: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns some of the candidates, by record.

        Args:
          part: the candidates.
          values: [places, lengths], what to return of each.
          mask: bool [places, lengths], which to return.

        Returns:
          row_splits int64 [n + 1]; values, the weights of their fields, float32, and their flat positions in `part`, int64 [entries].
        """
        lengths = mask.shape[1]
        flat = tf.where(tf.reshape(mask, [-1]))[:, 0]
        splits = tf.searchsorted(flat, part.splits[:: len(self.spec.fields)] * lengths, out_type=tf.int64)
        weights = [field.weight for field in self.spec.fields]
        if len(set(weights)) == 1:
            chosen_weights = tf.fill(tf.shape(flat), weights[0])
        else:
            chosen_weights = tf.gather(tf.constant(weights), self.field_of(part, flat // lengths))
        return splits, tf.gather(tf.reshape(values, [-1]), flat), chosen_weights, flat

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
        words = self.words(texts)
        parts = self.candidates(words)
        found, before = [], tf.constant(0, tf.int64)
        for part in parts:
            *columns, places = self.chosen(part, part.fingerprints, part.valid)
            found.append((*columns, places + before))
            before += tf.size(part.valid, tf.int64)
        row_splits, fingerprints, weights, places = join(found)
        starts = [Starts(part.words, part.characters) for part in parts]
        # Without where the words come from in the text: the graph then need not compute it.
        return Terms(row_splits, fingerprints, weights, places, words.words, words.splits, starts)


def join(parts: Sequence[tuple[tf.Tensor, ...]]) -> tuple[tf.Tensor, ...]:
    """Returns the entries of several parts by record: row_splits, int64 [n + 1], and columns, [entries] each."""
    if len(parts) == 1:
        return parts[0]
    splits = [part[0] for part in parts]
    joined = [
        tf.concat([tf.RaggedTensor.from_row_splits(one, own, validate=False) for one, own in zip(column, splits)], 1)
        for column in zip(*(part[1:] for part in parts))
    ]
    return (tf.add_n(splits), *(column.values for column in joined))
