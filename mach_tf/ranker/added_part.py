"""What a ranker adds to the label scores of some points, for those who have their sketches: nothing if there is no ranker."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

import numpy as np
import scipy.sparse

from mach_tf.decoding import added_scores
from mach_tf.decoding.decode import Decoded, Decoder
from mach_tf.decoding.exclusion import ExcludingDecoder
from mach_tf.ranker.ranker import Ranker


@dataclasses.dataclass(frozen=True)
class AddedPart:
    """What is added to the label scores of n points.

    Attributes:
      ranker: None if nothing is added.
      features: CSR [n, D], the model's input, columns ascending.
    """

    ranker: Optional[Ranker]
    features: scipy.sparse.csr_matrix

    def to(self, labels: np.ndarray) -> np.ndarray:
        """Returns what is added to the scores of chosen labels, int [n, m], as float32 [n, m]."""
        if self.ranker is None:
            return np.zeros(labels.shape, np.float32)
        return self.ranker.at(self.features, labels)

    def over(self, decoder: Any) -> Any:
        """Returns a decoder of these points by the sums of both scores.

        Args:
          decoder: decodes their sketches: a Decoder, or one that leaves out labels of these points.
        """
        if self.ranker is None:
            return decoder
        if isinstance(decoder, ExcludingDecoder):
            return dataclasses.replace(decoder, decoder=self.over(decoder.decoder))
        return AddingDecoder(decoder, self.ranker, self.features)


@dataclasses.dataclass(frozen=True)
class AddingDecoder:
    """A decoder of n points that adds what a ranker says of them.

    Attributes:
      decoder: decodes sketches.
      ranker, features: as of AddedPart.
    """

    decoder: Decoder
    ranker: Ranker
    features: scipy.sparse.csr_matrix

    def top_k(self, scores: np.ndarray, k: int, estimator: str) -> Decoded:
        """Finds the k best labels of each point, exactly; arguments as of Decoder.top_k, for at least one point."""
        return added_scores.top_k_of(self.decoder, scores, self.ranker, self.features, k, estimator)
