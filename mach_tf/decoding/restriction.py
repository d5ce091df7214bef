"""Decoding among some labels only: the others are not scored."""

from __future__ import annotations

import dataclasses
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.decoding import added_scores
from mach_tf.decoding.decode import Decoded, Decoder
from mach_tf.decoding.utility import Utility


@dataclasses.dataclass(frozen=True)
class RestrictedDecoder:
    """A decoder that knows some labels only, and ranks them as the whole decoder does.

    Attributes:
      decoder: decodes the chosen labels, by their places.
      label_ids: int32 [m], the labels, ascending.

    Example:
      >>> import numpy as np
      >>> decoder = Decoder.of(np.array([[0, 1, 1], [1, 0, 1]], np.int32), buckets=2)
      >>> sketch = np.array([[[0.1, 0.9], [0.2, 0.8]]], np.float32)  # one point, R = 2, B = 2; the best label is 2
      >>> RestrictedDecoder.of(decoder, np.array([0, 1])).top_k(sketch, k=1, estimator="mean").labels
      array([[1]], dtype=int32)
    """

    decoder: Decoder
    label_ids: np.ndarray

    @classmethod
    def of(cls, whole: Decoder, label_ids: np.ndarray) -> RestrictedDecoder:
        """Returns the decoder of the labels with these ids, ascending and unique."""
        decoder = Decoder.of(np.ascontiguousarray(whole.table[:, label_ids]), whole.buckets)
        if whole.utility is not None:
            decoder = decoder.by(whole.utility.among(label_ids))
        return cls(decoder, label_ids.astype(np.int32))

    @property
    def labels(self) -> int:
        """The number of labels to choose from."""
        return len(self.label_ids)

    @property
    def utility(self) -> Optional[Utility]:
        """What the labels are ranked by instead of their label scores."""
        return self.decoder.utility

    def label_scores(self, scores: np.ndarray, labels: np.ndarray, estimator: str) -> np.ndarray:
        """Returns the scores of some of the labels, int [n, m]; as of Decoder.label_scores."""
        return self.decoder.label_scores(scores, np.searchsorted(self.label_ids, labels), estimator)

    def top_k(
        self, scores: np.ndarray, k: int, estimator: str, added: Optional[scipy.sparse.csr_matrix] = None
    ) -> Decoded:
        """Finds the k best of the labels for each point, exactly.

        Args:
          scores, estimator: as of Decoder.top_k.
          k: in [1, m].
          added: CSR [n, K], a second score of all labels to add, as of `added_scores.top_k`; None for none.
        """
        if added is None:
            found = self.decoder.top_k(scores, k, estimator)
        else:
            found = added_scores.top_k(self.decoder, scores, added[:, self.label_ids], k, estimator)
        # The labels ascend, so the smaller place of equal scores is the smaller label.
        return found._replace(labels=self.label_ids[found.labels])
