"""Names the terms of a new vocabulary, of which the first pass over the training texts has kept the fingerprints alone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf.points import Points
from mach_tf.text.spelling import spell_characters, spell_words
from mach_tf.text.term_weighting import TermWeighting, columns
from mach_tf.text.text_functions import text_function
from mach_tf.text.vocabulary import Vocabulary, inverse_document_frequencies
from mach_tf.text_spec import TextSpec


class VocabularyNaming(TermWeighting):
    """Maps texts to features by fingerprints, and spells each term when it first occurs.

    It is safe to call from several threads: a term has one spelling, wherever it occurs.

    Args:
      spec: how texts become terms.
      fingerprints, document_frequencies: int64 [features], as `VocabularyBuilder.select` returns them.
      documents: the number of training documents.
    """

    def __init__(
        self, spec: TextSpec, fingerprints: np.ndarray, document_frequencies: np.ndarray, documents: int
    ) -> None:
        super().__init__(spec, fingerprints, inverse_document_frequencies(document_frequencies, documents))
        self._document_frequencies, self._documents = document_frequencies, documents
        self._named = np.zeros(len(fingerprints), bool)
        self._spellings = np.full(len(fingerprints), None, object)
        named = tf.TensorSpec([None], tf.bool, "named")
        self._with_new = text_function(self._compute_and_find_new, len(spec.fields), named)

    def _points(self, batch: np.ndarray) -> Points:
        # Also once every term has a name: tracing the graph without names would take longer than it saves on most inputs.
        row_splits, ids, values, *new = (
            part.numpy()
            for part in self._with_new(tf.constant(batch, tf.string, batch.shape), tf.constant(self._named))
        )
        self._spell(*new)
        return Points(row_splits, ids, values, np.zeros(len(row_splits), np.int64), np.zeros(0, np.int64))

    def _compute_and_find_new(self, texts: tf.Tensor, named: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the features of records, and of each term without a name that they have: its first occurrence, its field, its words."""
        words = self.tokenizer.words(texts)
        terms = self._known(words)
        features = self._weighted(words, terms, tf.shape(texts, tf.int64)[0])
        new = [part._replace(known=part.known & ~tf.gather(named, tf.maximum(part.ids, 0))) for part in terms]
        found = columns(new)
        unique, owner = tf.unique(found[:, 0], tf.int64)
        places = tf.math.unsorted_segment_min(tf.range(tf.shape(found, tf.int64)[0]), owner, tf.size(unique, tf.int64))
        found = tf.gather(found, places)
        first, last = found[:, 1], found[:, 2]
        field = (tf.searchsorted(words.splits, first, side="right", out_type=tf.int64) - 1) % len(
            self.tokenizer.spec.fields
        )
        spelled = [
            tf.gather(words.words, tf.minimum(first + k, last))
            for k in range(max(1, self.tokenizer.spec.word_ngrams[1]))
        ]
        return (*features, found, field, tf.stack(spelled, 1))

    def _spell(self, found: np.ndarray, fields: np.ndarray, words: np.ndarray) -> None:
        spec = self.tokenizer.spec
        for (feature_id, _, _, character, length), field, row in zip(found.tolist(), fields.tolist(), words):
            if character < 0:
                spelling = spell_words([word.decode() for word in row[:length]], spec, field)
            else:
                spelling = spell_characters(row[0].decode(), character, length, spec, field)
            self._spellings[feature_id] = spelling
        self._named[found[:, 0]] = True

    @property
    def unnamed(self) -> int:
        """The number of terms that have not occurred yet."""
        return int((~self._named).sum())

    def vocabulary(self) -> Vocabulary:
        """Returns the vocabulary, once the training texts have been mapped.

        Raises:
          RuntimeError: some term has not occurred: the texts are not those of the first pass.
        """
        if self.unnamed:
            raise RuntimeError(f"{self.unnamed} term(s) of the first pass do not occur in the second")
        names = [str(name) for name in self._spellings]
        return Vocabulary(self.tokenizer.spec, names, self._document_frequencies, self._documents)
