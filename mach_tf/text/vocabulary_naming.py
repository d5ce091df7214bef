"""Names the terms of a new vocabulary, of which the first pass over the training texts has kept the fingerprints alone."""

from __future__ import annotations

import numpy as np

from mach_tf.points import Points
from mach_tf.text.term_weighting import TermWeighting
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

    def _points(self, batch: np.ndarray) -> Points:
        points = super()._points(batch)
        new = ~self._named[points.feature_ids]
        if new.any():
            self._spell(batch[np.unique(points.rows()[new])])
        return points

    def _spell(self, batch: np.ndarray) -> None:
        found = self._occurrences(batch)
        ids, first = np.unique(found.feature_id, return_index=True)
        for feature_id, occurrence in zip(ids, first):
            if not self._named[feature_id]:
                self._spellings[feature_id] = found.spell(occurrence, self.tokenizer.spec)
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
        return Vocabulary(self.tokenizer.spec, names, self._document_frequencies, self._documents)
