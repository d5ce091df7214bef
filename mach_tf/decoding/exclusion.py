"""Decoding without some labels of each point: the best labels among all others, exactly."""

from __future__ import annotations

import dataclasses
from typing import Callable, Optional

import numpy as np
import scipy.sparse

from mach_tf.decoding.decode import Decoded, Decoder


@dataclasses.dataclass(frozen=True)
class ExcludingDecoder:
    """A decoder of n points that leaves out the labels that are excluded for each.

    Attributes:
      decoder: decodes all labels.
      excluded: canonical CSR [n, K]; every stored entry excludes a label of a point.

    Example:
      >>> import numpy as np
      >>> import scipy.sparse
      >>> decoder = Decoder.of(np.array([[0, 1, 1], [1, 0, 1]], np.int32), buckets=2)
      >>> sketch = np.array([[[0.1, 0.9], [0.2, 0.8]]], np.float32)  # one point, R = 2, B = 2; the best labels are 2 and 1
      >>> excluded = scipy.sparse.csr_matrix([[0, 0, 1]])
      >>> ExcludingDecoder(decoder, excluded).top_k(sketch, k=1, estimator="mean").labels
      array([[1]], dtype=int32)
    """

    decoder: Decoder
    excluded: scipy.sparse.csr_matrix

    def top_k(self, scores: np.ndarray, k: int, estimator: str) -> Decoded:
        """Finds the k best labels of each point among those that are not excluded; arguments as of Decoder.top_k.

        A point with fewer than k such labels has label -1 with score -inf in the remaining places.
        """
        return decode_without(self.excluded, lambda more: self.decoder.top_k(scores, more, estimator), k)


def decode_without(excluded: Optional[scipy.sparse.csr_matrix], decode: Callable[[int], Decoded], k: int) -> Decoded:
    """Decodes as many labels more as are excluded, leaves those out, and returns the first k of each point.

    Args:
      excluded: canonical CSR [n, K]; every stored entry excludes a label of a point. None excludes none.
      decode: returns the best labels of n points, given their number; exactly or approximately.
      k: number of labels per point.

    Returns:
      The labels; -1 with score -inf where a point has fewer than k.
    """
    most = int(np.diff(excluded.indptr).max(initial=0)) if excluded is not None else 0
    if excluded is None or not most:
        return decode(k)
    found = decode(min(k + most, excluded.shape[1]))
    out = found.labels < 0
    for point in np.flatnonzero(np.diff(excluded.indptr)):
        own = excluded.indices[excluded.indptr[point] : excluded.indptr[point + 1]]
        out[point] |= np.isin(found.labels[point], own)
    order = np.argsort(out, axis=1, kind="stable")
    gone = np.take_along_axis(out, order, axis=1)
    labels = np.where(gone, np.int32(-1), np.take_along_axis(found.labels, order, axis=1))
    scores = np.where(gone, np.float32(-np.inf), np.take_along_axis(found.scores, order, axis=1))
    width = ((0, 0), (0, max(0, k - labels.shape[1])))
    labels = np.pad(labels, width, constant_values=-1)[:, :k]
    scores = np.pad(scores, width, constant_values=-np.inf)[:, :k]
    return Decoded(labels.astype(np.int32), scores.astype(np.float32), found.scored, found.scanned)
