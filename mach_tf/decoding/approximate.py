"""Approximate decoding: scores only the labels in the top buckets of enough repetitions, as MACH's original code does."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np

from mach_tf import arguments, estimators
from mach_tf.decoding.best_list import NO_LABEL, BestList, insert
from mach_tf.decoding.decode import Decoded, Decoder
from mach_tf.decoding.ranking import largest
from mach_tf.decoding.scoring import Scorer, score_label
from mach_tf.kernels import jit


@dataclasses.dataclass(frozen=True)
class Approximate:
    """The rule that selects the labels to score.

    Attributes:
      buckets: m, the number of best buckets considered in each repetition.
      repetitions: j, the number of repetitions in which a label must be in one of these buckets to be scored.
    """

    buckets: int = 25
    repetitions: int = 2

    def __post_init__(self) -> None:
        for name in ("approximate.buckets", "approximate.repetitions"):
            attribute = name.rpartition(".")[2]
            object.__setattr__(self, attribute, arguments.whole_number(getattr(self, attribute), name, 1))

    def top_k(self, decoder: Decoder, scores: np.ndarray, k: int, estimator: str) -> Decoded:
        """Returns the k best of the selected labels of each point; arguments as for Decoder.top_k.

        A point with fewer than k selected labels has label -1 with score -inf in the remaining places.
        """
        scores = decoder.check(scores, k)
        best = BestList.empty(len(scores), k)
        top = min(self.buckets, decoder.buckets)
        needed = min(self.repetitions, len(decoder.table))
        scored = _decode(scores, decoder.both_ways, estimators.get(estimator).kernel, top, needed, best)
        labels = np.where(best.labels == NO_LABEL, np.int32(-1), best.labels)
        return Decoded(labels, best.values, scored, np.zeros(len(scores), np.bool_))


def recall(approximate: np.ndarray, exact: np.ndarray) -> float:
    """Returns the fraction of the exact top k that the approximate top k contains; both are int [n, k]."""
    found = (exact[:, :, None] == approximate[:, None, :]).any(axis=2)
    return float(found.mean()) if found.size else 1.0


@jit(parallel=True)
def _decode(scores, table, kind, top, needed, best):
    scored = np.zeros(len(scores), np.int64)
    for point in numba.prange(len(scores)):
        scored[point] = _decode_point(
            scores[point], table, kind, top, needed, BestList(best.labels[point], best.values[point])
        )
    return scored


@jit()
def _decode_point(scores, table, kind, top, needed, best):
    repetitions = len(scores)
    scorer = Scorer(scores, table.by_label, kind, np.empty(repetitions, np.float32))
    ranked = np.empty(top, np.int32)
    ranked_values = np.empty(top, np.float32)
    seen = np.zeros(len(table.by_label), np.int16)
    scored = 0
    for r in range(repetitions):
        largest(scores[r], top, ranked, ranked_values)
        for bucket in ranked:
            for label in table.members[r, table.splits[r, bucket] : table.splits[r, bucket + 1]]:
                seen[label] += 1
                if seen[label] == needed:
                    scored += 1
                    insert(best, label, score_label(scorer, label, best.values[-1]))
    return scored
