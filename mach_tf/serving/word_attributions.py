"""The attributions of a text's words, from those of its terms, as a TensorFlow graph.

A term's attribution is shared among its occurrences in proportion to the weights of their fields, and that of an occurrence evenly
among its words; the sum is preserved.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from mach_tf.text.term_weighting import TermWeighting


class Located(NamedTuple):
    """The words and the terms of texts.

    Attributes:
      words: string [words], in normal form.
      splits: int64 [texts + 1]; text i has the words splits[i]:splits[i + 1].
      begins, ends: int64 [words], the bytes of its text that a word comes from.
      terms: int64 [occurrences, 5]: the feature, the first and the last word, the first character and the length of the n-gram.
    """

    words: tf.Tensor
    splits: tf.Tensor
    begins: tf.Tensor
    ends: tf.Tensor
    terms: tf.Tensor


class TextTerms(tf.Module):
    """Finds the words of texts, and shares attributions among them.

    Attributes:
      vectorizer: maps texts to raw features.
      fields: the number of text fields.
    """

    def __init__(self, vectorizer: TermWeighting):
        super().__init__()
        self.vectorizer = vectorizer
        spec = vectorizer.tokenizer.spec
        self.fields = len(spec.fields)
        self._weights = [field.weight for field in spec.fields]
        self._longest = max(spec.word_ngrams[1], 1)

    def locate(self, texts: tf.Tensor) -> Located:
        """Finds the words and terms of texts, string [n, fields]."""
        return Located(*self.vectorizer.located(texts))

    def words(self, located: Located) -> dict[str, tf.RaggedTensor]:
        """Returns the words of n texts.

        Returns:
          Ragged [n, words]: `words` string in normal form, `word_fields` int64, the position of the field, and `word_begins` and
          `word_ends` int64, the bytes of the field's text.
        """
        splits = tf.ensure_shape(located.splits, [None])
        fields = tf.repeat(tf.range(tf.size(splits, tf.int64) - 1) % self.fields, splits[1:] - splits[:-1])
        found = {
            "words": located.words,
            "word_fields": fields,
            "word_begins": located.begins,
            "word_ends": located.ends,
        }
        rows = splits[:: self.fields]
        return {name: tf.RaggedTensor.from_row_splits(each, rows, validate=False) for name, each in found.items()}

    def shares(self, located: Located, row_splits: tf.Tensor, feature_ids: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns which part of a term's attribution each of its words gets.

        Args:
          located: the words and terms of the texts.
          row_splits, feature_ids: the features of the texts, as the vectorizer returns them.

        Returns:
          For each pair of a word and a term that it is part of: the word's place among all words, the term's place in
          `feature_ids`, int64 [pairs] each, and the share, float64 [pairs].
        """
        ids, first, last, _, _ = tf.unstack(located.terms, axis=1)
        text = tf.searchsorted(located.splits, first, side="right", out_type=tf.int64) - 1
        row = text // self.fields
        weights = tf.gather(tf.constant(self._weights, tf.float64), text % self.fields)
        entry = _find(row_splits, feature_ids, row, ids)
        totals = tf.math.unsorted_segment_sum(weights, entry, tf.size(feature_ids, tf.int64))
        share = weights / tf.gather(totals, entry) / tf.cast(last - first + 1, tf.float64)
        words, entries, parts = [], [], []
        for place in range(self._longest):
            inside = first + place <= last
            words.append(tf.boolean_mask(first + place, inside))
            entries.append(tf.boolean_mask(entry, inside))
            parts.append(tf.boolean_mask(share, inside))
        return tf.concat(words, 0), tf.concat(entries, 0), tf.concat(parts, 0)


def _find(row_splits: tf.Tensor, feature_ids: tf.Tensor, rows: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Returns the places of (row, id) pairs among the entries of row-compressed features, whose ids ascend in each row."""
    entry_rows = tf.repeat(tf.range(tf.size(row_splits, tf.int64) - 1), row_splits[1:] - row_splits[:-1])
    width = tf.reduce_max(tf.concat([feature_ids, ids, [0]], 0)) + 1
    return tf.searchsorted(entry_rows * width + feature_ids, rows * width + ids, out_type=tf.int64)
