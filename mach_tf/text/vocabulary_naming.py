"""Names the terms of a new vocabulary, of which the first pass over the training texts has kept the fingerprints alone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mach_tf.points import Points
from mach_tf.text.spelling import spell_characters, spell_words
from mach_tf.text.term_table import TermTable
from mach_tf.text.term_weighting import tf_idf
from mach_tf.text.text_functions import on_cpu
from mach_tf.text.tokenizer import Terms, Tokenizer
from mach_tf.text.vocabulary import Vocabulary, inverse_document_frequencies


class VocabularyNaming:
    """Maps texts to features by fingerprints, as `TermWeighting` does, and spells each term when it first occurs.

    It is safe to call from several threads: a term has one spelling, wherever it occurs.

    Args:
      tokenizer: that of the first pass, whose graph need not be traced again.
      fingerprints, document_frequencies: int64 [features], as `VocabularyBuilder.select` returns them.
      documents: the number of training documents.
    """

    def __init__(
        self, tokenizer: Tokenizer, fingerprints: np.ndarray, document_frequencies: np.ndarray, documents: int
    ) -> None:
        self._tokenizer = tokenizer
        self._table = TermTable(fingerprints)
        with on_cpu():
            self._idf = tf.constant(inverse_document_frequencies(document_frequencies, documents))
        self._document_frequencies, self._documents = document_frequencies, documents
        self._named = np.zeros(len(fingerprints), bool)
        self._spellings = np.full(len(fingerprints), None, object)

    def points(self, texts: tf.Tensor) -> Points:
        """Returns the features of records, string [n, fields] of UTF-8, as points without labels."""
        terms = self._tokenizer(texts)
        row_splits, rows, ids, counts, first = self._table.count(
            terms.row_splits.numpy(), terms.fingerprints.numpy(), terms.weights.numpy()
        )
        with on_cpu():
            values = tf_idf(rows, ids, counts, self._idf, len(row_splits) - 1).numpy()
        new = ~self._named[ids]
        if new.any():
            unnamed, chosen = np.unique(ids[new], return_index=True)
            self._spell(terms, unnamed, first[new][chosen])
        return Points(row_splits, ids, values, np.zeros(len(row_splits), np.int64), np.zeros(0, np.int64))

    def _spell(self, terms: Terms, ids: np.ndarray, occurrences: np.ndarray) -> None:
        """Spells the terms `ids`, of each of which one occurrence is given."""
        spec = self._tokenizer.spec
        fields, words, characters, lengths = self._tokenizer.origins(terms, occurrences)
        # The words of these terms and no others, one term's after the other's.
        counts = np.where(characters < 0, lengths, 1)
        begins = np.cumsum(counts) - counts
        with on_cpu():
            own = tf.gather(terms.words, np.repeat(words - begins, counts) + np.arange(counts.sum())).numpy()
        spelled = [word.decode() for word in own]
        rows = zip(*(part.tolist() for part in (ids, fields, characters, lengths, begins)))
        for feature_id, field, character, length, begin in rows:
            if character < 0:
                spelling = spell_words(spelled[begin : begin + length], spec, field)
            else:
                spelling = spell_characters(spelled[begin], character, length, spec, field)
            self._spellings[feature_id] = spelling
        self._named[ids] = True

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
        return Vocabulary(self._tokenizer.spec, names, self._document_frequencies, self._documents)
