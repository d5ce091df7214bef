"""From texts to features by a vocabulary."""

from __future__ import annotations

from mach_tf.text.term_fingerprints import term_fingerprints
from mach_tf.text.term_weighting import TermWeighting
from mach_tf.text.vocabulary import Vocabulary


class TextVectorizer(TermWeighting):
    """Maps texts to features: the same function, bit for bit, in preprocessing, prediction and serving.

    It is safe to call from several threads.

    Args:
      vocabulary: the terms, their document frequencies, and how texts become terms.

    Raises:
      InputError: the vocabulary holds what is no term of its settings.

    Example:
      >>> from mach_tf.text_spec import TextField, TextSpec
      >>> spec = TextSpec((TextField("title"),))
      >>> vectorizer = TextVectorizer(Vocabulary(spec, ["cat", "the cat"], [3, 2], documents=9))
      >>> vectorizer.points([["The cat sat."], ["A dog."]]).feature_ids
      array([0, 1])
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        super().__init__(vocabulary.spec, term_fingerprints(vocabulary.terms, vocabulary.spec), vocabulary.idf)
