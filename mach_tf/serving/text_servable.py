"""The servable of a model of texts: texts in; labels, terms and words out."""

from __future__ import annotations

from typing import Any, Callable

import tensorflow as tf

from mach_tf.classifier import SparseBatch
from mach_tf.serving.attack_servable import ATTACK_INPUTS, AttackServable
from mach_tf.serving.servable import K, Outputs
from mach_tf.serving.word_attributions import TextTerms
from mach_tf.signature_names import (
    ATTACK_SIGNATURE,
    ATTACK_TEXT_SIGNATURE,
    EXPLAIN_SIGNATURE,
    EXPLAIN_TEXT_SIGNATURE,
    KNOWN_TERMS,
    TEXT_SIGNATURE,
)
from mach_tf.text.term_weighting import TermWeighting


class TextServable(AttackServable):
    """An ensemble's servable that takes texts too, with the same answers as for their raw features."""

    def __init__(self, vectorizer: TermWeighting, *args: Any, **options: Any):
        """Adds the tokenizer and the vocabulary.

        Args:
          vectorizer: maps texts to raw features.
          *args, **options: as of EnsembleServable.
        """
        super().__init__(*args, **options)
        self._terms = TextTerms(vectorizer)

    def predict_text(self, texts: tf.Tensor, k: tf.Tensor) -> Outputs:
        """Ranks labels of texts, string [n, fields].

        Returns:
          What `predict` returns, and `known_terms` int64 [n], how many terms of the vocabulary each text has. A text without any is
          ranked as the empty text is.
        """
        raw = SparseBatch(*self._terms.vectorizer(texts))
        return {**self.predict(raw, k), KNOWN_TERMS: _lengths(raw)}

    def explain_text(self, texts: tf.Tensor, k: tf.Tensor) -> Outputs:
        """Ranks labels of texts, string [n, fields], and attributes their scores to terms and words.

        Returns:
          What `explain` returns, `known_terms` as of `predict_text`, and the words of each text, in order: `words` string [n, w] in
          normal form, `word_fields` int64 [n, w], the position of the field, `word_begins` and `word_ends` int64 [n, w], the bytes of the
          field's text; and `word_attributions` float32 [n, k, w]. Shorter texts are padded: with the word "", -1, and the attribution 0.
        """
        raw = SparseBatch(*self._terms.vectorizer(texts))
        outputs, found = self.explained(raw, k)
        outputs[KNOWN_TERMS] = _lengths(raw)
        located = self._terms.locate(texts)
        words = self._terms.words(located)
        for name, each in words.items():
            outputs[name] = each.to_tensor("" if each.dtype == tf.string else -1)
        places, entries, shares = self._terms.shares(located, raw.row_splits, raw.feature_ids)
        parts = tf.gather(found, entries) * shares[:, tf.newaxis]
        sums = tf.math.unsorted_segment_sum(parts, places, tf.size(words["words"].values))
        by_word = words["words"].with_values(tf.cast(sums, tf.float32)).to_tensor()
        outputs["word_attributions"] = tf.transpose(tf.reshape(by_word, [tf.shape(texts)[0], -1, k]), [0, 2, 1])
        return outputs

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the functions of the SavedModel by the names of their signatures."""
        found = {**super().signatures(), TEXT_SIGNATURE: self._of_texts(self.predict_text)}
        if ATTACK_SIGNATURE in found:
            found[ATTACK_TEXT_SIGNATURE] = self._attacked_texts()
        if EXPLAIN_SIGNATURE in found:
            found[EXPLAIN_TEXT_SIGNATURE] = self._of_texts(self.explain_text)
        return found

    def _of_texts(self, answer: Callable[[tf.Tensor, tf.Tensor], Outputs]) -> tf.types.experimental.GenericFunction:
        """Returns a signature whose points are texts: string [n], or [n, fields] if there are several fields."""

        @tf.function(input_signature=[self._texts(), K], autograph=False)
        def function(texts, k):
            return answer(self._rows(texts), self.checked_k(k))

        return function

    def _attacked_texts(self) -> tf.types.experimental.GenericFunction:
        """Returns the signature of `attack` whose points are texts."""

        @tf.function(input_signature=[self._texts(), K, *ATTACK_INPUTS], autograph=False)
        def function(texts, k, epsilon, true_labels):
            rows = self._rows(texts)
            inputs = self.checked_attack(tf.shape(rows)[0], epsilon, true_labels)
            raw = SparseBatch(*self._terms.vectorizer(rows))
            return {**self.attack(raw, self.checked_k(k), *inputs), KNOWN_TERMS: _lengths(raw)}

        return function

    def _texts(self) -> tf.TensorSpec:
        fields = self._terms.fields
        return tf.TensorSpec([None] if fields == 1 else [None, fields], tf.string, "texts")

    def _rows(self, texts: tf.Tensor) -> tf.Tensor:
        return tf.reshape(texts, [-1, self._terms.fields])


def _lengths(points: SparseBatch) -> tf.Tensor:
    return points.row_splits[1:] - points.row_splits[:-1]
