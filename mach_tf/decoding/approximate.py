"""Approximate decoding: only labels in the top buckets of enough repetitions are scored, as MACH's original code does."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np

from mach_tf import estimators
from mach_tf.decoding.decode import Decoded, Decoder
from mach_tf.decoding.ranking import largest
from mach_tf.decoding.scan import NO_LABEL, insert, score_label


@dataclasses.dataclass(frozen=True)
class Approximate:
    """Which labels are scored.

    Attributes:
      buckets: m, so many best buckets of each repetition are looked into.
      repetitions: j, a label must be in them in at least so many repetitions.
    """

    buckets: int = 25
    repetitions: int = 2

    def __post_init__(self) -> None:
        if self.buckets < 1 or self.repetitions < 1:
            raise ValueError(f"buckets and repetitions must be at least 1 (got {self.buckets} and {self.repetitions})")

    def top_k(self, decoder: Decoder, scores: np.ndarray, k: int, estimator: str) -> Decoded:
        """As Decoder.top_k among the labels looked at; label -1 with score -inf where a point has fewer than k of them."""
        scores = decoder.check(scores, k)
        labels = np.full((len(scores), k), NO_LABEL, np.int32)
        values = np.full((len(scores), k), -np.inf, np.float32)
        top = min(self.buckets, decoder.buckets)
        needed = min(self.repetitions, len(decoder.table))
        scored = _decode(
            scores,
            decoder.by_label,
            decoder.members.splits,
            decoder.members.labels,
            estimators.get(estimator).kernel,
            top,
            needed,
            labels,
            values,
        )
        labels[labels == NO_LABEL] = -1
        return Decoded(labels, values, scored, np.zeros(len(scores), np.bool_))


def recall(approximate: np.ndarray, exact: np.ndarray) -> float:
    """Which part of the exact top k the approximate one found; both int [n, k]."""
    found = (exact[:, :, None] == approximate[:, None, :]).any(axis=2)
    return float(found.mean()) if found.size else 1.0


@numba.njit(cache=True, parallel=True)
def _decode(scores, by_label, splits, members, kind, top, needed, labels, values):
    scored = np.zeros(len(scores), np.int64)
    for point in numba.prange(len(scores)):
        scored[point] = _decode_point(
            scores[point], by_label, splits, members, kind, top, needed, labels[point], values[point]
        )
    return scored


@numba.njit(cache=True)
def _decode_point(scores, by_label, splits, members, kind, top, needed, labels, values):
    repetitions = len(scores)
    ranked = np.empty(top, np.int32)
    ranked_values = np.empty(top, np.float32)
    room = np.empty(repetitions, np.float32)
    scale = np.float32(1) / np.float32(repetitions)
    seen = np.zeros(len(by_label), np.int16)
    scored = 0
    for r in range(repetitions):
        largest(scores[r], top, ranked, ranked_values)
        for bucket in ranked:
            for label in members[r, splits[r, bucket] : splits[r, bucket + 1]]:
                seen[label] += 1
                if seen[label] == needed:
                    scored += 1
                    insert(labels, values, label, score_label(scores, by_label, label, kind, scale, values[-1], room))
    return scored
