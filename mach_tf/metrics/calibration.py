"""Calibration of label scores: how often a label predicted with a given probability is true."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

_DRAWS, _SEED = 2000, 0
_RANGE = (2.5, 97.5)


class Floor(NamedTuple):
    """The expected calibration error that probabilities show which are true, since a bin's few outcomes differ from their probability by chance.

    Attributes:
      mean: its mean, in [0, 1].
      low, high: 95% of its values lie between these.
    """

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Reliability:
    """A reliability curve in bins of equal width over [0, 1].

    Attributes:
      edges: float64 [bins + 1].
      counts: int64 [bins], predictions in each bin; a bin includes its lower edge, the last one its upper edge too.
      confidence: float64 [bins], their mean probability; 0 in an empty bin.
      accuracy: float64 [bins], the fraction of them that is true; 0 in an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def expected_error(self) -> float:
        """Expected calibration error, in [0, 1]: mean |confidence - accuracy|, bins weighted by their predictions.

        Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, equation 3.
        """
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.counts))

    def floor(self) -> Floor:
        """Returns what `expected_error` would be if the probabilities were true, for as many predictions with these probabilities.

        Outcomes are drawn from the probabilities, the consistency resampling of Bröcker and Smith 2007: an error within this range says nothing
        against the probabilities. A bin's outcomes are drawn from its mean probability, which overstates their deviation by less than 2% with 15
        bins, and as if they were independent, which those of the labels of one point are not quite.
        """
        filled = self.counts > 0
        counts, confidence = self.counts[filled], self.confidence[filled]
        hits = np.random.default_rng(_SEED).binomial(counts, np.clip(confidence, 0, 1), (_DRAWS, len(counts)))
        errors = np.abs(hits / counts - confidence) @ counts / counts.sum()
        return Floor(float(errors.mean()), *(float(value) for value in np.percentile(errors, _RANGE)))

    def to_json(self) -> dict[str, Any]:
        """Returns the expected calibration error, its floor, and the arrays as lists."""
        arrays = {field.name: getattr(self, field.name).tolist() for field in dataclasses.fields(self)}
        return {
            "expected_calibration_error": self.expected_error,
            "expected_calibration_error_floor": self.floor()._asdict(),
            **arrays,
        }


def reliability(probabilities: np.ndarray, outcomes: np.ndarray, bins: int = 15) -> Reliability:
    """Returns the reliability curve of predictions, usually those of each point's top k labels.

    Args:
      probabilities: label scores as probabilities in [0, 1], any shape.
      outcomes: bool of the same shape: whether the label is true.
      bins: number of bins.

    Raises:
      ValueError: no predictions, different shapes, or a score outside [0, 1].
    """
    values = np.asarray(probabilities, np.float64).ravel()
    true = np.asarray(outcomes, np.float64).ravel()
    if np.shape(probabilities) != np.shape(outcomes) or not values.size:
        raise ValueError(f"shapes must agree and not be empty (got {np.shape(probabilities)}, {np.shape(outcomes)})")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"scores must be probabilities in [0, 1] (got {values.min()} to {values.max()})")
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    filled = np.maximum(counts, 1)
    confidence = np.bincount(index, values, minlength=bins) / filled
    accuracy = np.bincount(index, true, minlength=bins) / filled
    return Reliability(edges, counts, confidence, accuracy)
