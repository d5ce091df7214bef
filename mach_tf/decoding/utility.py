"""Utilities: probability times weight, by which labels are ranked where hits of labels do not count alike.

With p(l) the logistic function of z(l) = (s(l) - shift) / scale, a linear function of the label score s, ranking by p(l) w(l) is ranking by

    u(l) = shift + scale (log p(l) + log w(l)) <= s(l) + scale log w(l),

on the scale of the scores. The right side differs from u by scale log(1 + e^z), next to nothing where p is small, and it is a mean over
repetitions again: the weights are the scores of one more repetition, whose buckets are groups of labels with about equal weights, each with
the largest weight of its group. So the searches for means bound utilities too, and stay exact. The weighted repetition is the same for all
points and stored once.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np

from mach_tf.kernels import jit


class WeightedRepetition(NamedTuple):
    """One more repetition that bounds the weights.

    Attributes:
      groups: int32 [K], its bucket of each label.
      row: float32 [B], R times the largest offset of each group of labels: its bucket scores, which fall.
    """

    groups: np.ndarray
    row: np.ndarray


@dataclasses.dataclass(frozen=True)
class Utility:
    """Weights of labels, and how scores become probabilities.

    Attributes:
      log_weights: float64 [K], finite: the natural logarithms of the weights.
      shift, scale: the probability of label score s is the logistic function of (s - shift) / scale, as of `LogitScale`.
    """

    log_weights: np.ndarray
    shift: float = 0.0
    scale: float = 1.0

    def of(self, scores: np.ndarray, labels: np.ndarray, floors: Any = -np.inf) -> np.ndarray:
        """Returns u of chosen labels, to the last bit as the kernels have it.

        Args:
          scores: float32, any shape, the label scores.
          labels: int, of a shape that broadcasts to it.
          floors: float32, likewise: below them u does not matter, and a number that is below too may take its place.
        """
        scores = np.asarray(scores, np.float32)
        of_scores = np.array(np.broadcast_to(labels, scores.shape), np.int64)
        found = np.empty(scores.shape, np.float32)
        least = np.array(np.broadcast_to(floors, scores.shape), np.float32)
        _fill(scores.ravel(), of_scores.ravel(), self.offsets, self.line, least.ravel(), found.reshape(-1))
        return found

    def rounding(self, utilities: np.ndarray, added: np.ndarray) -> np.ndarray:
        """Returns how far rounding may lift u of a label above the sum of its u without and what is added to its score, float32 [e].

        Args:
          utilities: float32 [e], the sums.
          added: float32 [e].
        """
        sizes = np.abs(self.offsets).max() + abs(self.shift) + np.abs(utilities) + 2 * added
        return (sizes * 2.0**-22).astype(np.float32)

    def among(self, label_ids: np.ndarray) -> Utility:
        """Returns the utility of some labels, by their places."""
        return dataclasses.replace(self, log_weights=self.log_weights[label_ids])

    def repetition(self, repetitions: int, buckets: int) -> WeightedRepetition:
        """Returns the weighted repetition beside R others of B buckets."""
        groups, largest = grouped(self.offsets, buckets)
        # Rounded up, as it bounds the weights of its group.
        return WeightedRepetition(groups, np.nextafter((largest * repetitions).astype(np.float32), np.float32(np.inf)))

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """float64 [K], scale log w(l)."""
        return np.ascontiguousarray(self.scale * np.asarray(self.log_weights, np.float64))

    @property
    def bounds(self) -> np.ndarray:
        """float32 [K], at least the offsets."""
        return np.nextafter(self.offsets.astype(np.float32), np.float32(np.inf))

    @property
    def line(self) -> np.ndarray:
        """float64 [2], the shift and the scale."""
        return np.array([self.shift, self.scale], np.float64)


def grouped(offsets: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the group of each label, int32 [K], and the largest offset of each of at most B groups, float64 [B].

    Half of the groups hold equally many labels, so that visiting one takes as long as visiting a bucket; the other half have equal ranges of
    weights, which the few frequent labels have all to themselves. The largest offsets fall from group to group.
    """
    order = np.argsort(-offsets, kind="stable")
    falling = offsets[order]
    half = max(1, buckets // 2)
    by_rank = np.arange(half) * len(order) // half
    levels = np.linspace(falling[0], falling[-1], buckets - half + 1)[1:-1]
    starts = np.unique(np.concatenate([by_rank, np.searchsorted(-falling, -levels)]))
    starts = starts[starts < len(order)]
    groups = np.empty(len(order), np.int32)
    groups[order] = np.searchsorted(starts, np.arange(len(order)), side="right") - 1
    largest = np.full(buckets, falling[-1])
    largest[: len(starts)] = falling[starts]
    return groups, largest


@jit(inline="always")
def utility_of(score, offset, line, threshold):
    """Returns u, float32, at most the score plus the offset; that sum itself if it is below `threshold`, as the label does not matter."""
    bound = np.float32(np.float64(score) + offset)
    if bound < threshold:
        return bound
    shift, scale = line[0], line[1]
    z = (np.float64(score) - shift) / scale
    log_p = -np.log1p(np.exp(-z)) if z > 0 else z - np.log1p(np.exp(z))
    return min(np.float32(shift + scale * log_p + offset), bound)


@jit(nogil=True)
def _fill(scores, labels, offsets, line, floors, found):
    for i in range(len(scores)):
        found[i] = utility_of(scores[i], offsets[labels[i]], line, floors[i])
