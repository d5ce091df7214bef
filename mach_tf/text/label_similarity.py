"""How much a text resembles the names of labels: the cosine of their tf-idf vectors, over the vocabulary of the model.

A label with few training points, whose buckets hardly know it, can still be found by its name. The vectors are compared as the model sees
them, after hashing, so that prediction and evaluation, which reads hashed points, agree. Without hashing, the default up to 131,072
terms, they are the tf-idf vectors themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
import scipy.sparse

from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.positive_products import PositiveProducts
from mach_tf.text.vectorizer import TextVectorizer


class LabelSimilarity:
    """The vectors of the names of K labels.

    Args:
      vectors: CSR [K, D], of unit length; an empty row for a label without a name, or whose name has no term of the vocabulary.

    Example:
      >>> import scipy.sparse
      >>> similarity = LabelSimilarity(scipy.sparse.csr_matrix([[1.0, 0.0], [0.6, 0.8], [0.0, 0.0]]))
      >>> similarity.cosines(scipy.sparse.csr_matrix([[0.0, 2.0]])).toarray()
      array([[0. , 0.8, 0. ]], dtype=float32)
    """

    def __init__(self, vectors: scipy.sparse.csr_matrix) -> None:
        self._products = PositiveProducts(vectors)

    @classmethod
    def of(
        cls,
        vectorizer: TextVectorizer,
        features: FeatureSpec,
        names: Sequence[str],
        keys: Optional[Sequence[str]] = None,
    ) -> LabelSimilarity:
        """Vectorises names as the model's texts.

        Args:
          vectorizer: the model's.
          features: how the model hashes terms.
          names: one per label. A name stands in every text field, as it may occur in any.
          keys: one per label, or None. A label whose name is its key has none, unless there are no keys.

        Raises:
          InputError: no name has a term of the vocabulary.
        """
        known = [name if keys is None or name != key else "" for name, key in zip(names, keys or names)]
        n_fields, columns = len(vectorizer.vocabulary.spec.fields), features.columns(len(vectorizer.vocabulary))
        raw = vectorizer.points([[name] * n_fields for name in known])
        if not len(raw.feature_ids):
            raise InputError(
                f"The names of labels must have words of the vocabulary to be compared with texts (none of {len(names)} has one). "
                "Give other names, or leave name_weight out."
            )
        return cls(_unit_rows(features.apply(raw).features(columns)))

    @property
    def named(self) -> int:
        """The number of labels that have a vector."""
        return self._products.vectors

    def most_entries(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns for each point at least the number of its cosines above 0, int64 [n]: labels count once for each term in common."""
        return self._products.most_entries(features)

    def cosines(self, features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        """Returns the cosines of points and names, float32 CSR [n, K]; those below 0, which only collisions of signed hashes make, are 0.

        Args:
          features: CSR [n, D], the model's input.
        """
        return self._products.of(_unit_rows(features))


class NameScore(NamedTuple):
    """What is added to the label scores of points: `weight` times the cosine of the point and the label's name.

    Attributes:
      similarity: the names.
      weight: on the scale of the estimator's scores, at least 0: logits for logit_mean.
    """

    similarity: LabelSimilarity
    weight: float

    def most_entries(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns for each point at least the number of labels whose score changes, int64 [n]."""
        return self.similarity.most_entries(features)

    def added(self, features: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        """Returns what is added, float32 CSR [n, K].

        Args:
          features: CSR [n, D], the model's input.
        """
        return self.similarity.cosines(features) * np.float32(self.weight)


def _unit_rows(matrix: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64).ravel())
    scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return scipy.sparse.csr_matrix(scipy.sparse.diags(scales) @ matrix, dtype=np.float32)
