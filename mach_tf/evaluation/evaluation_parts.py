"""The parts of an evaluation that are more than a table of metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

from mach_tf.decoding.approximate import Approximate


@dataclasses.dataclass(frozen=True)
class Losses:
    """Mean binary cross-entropy over points, buckets and repetitions.

    Attributes:
      clean: the loss of the clean points.
      adversarial: the loss with each repetition attacked separately by FGSM; None unless requested.
      epsilon: the size of that attack, which is the model's in training.
    """

    clean: float
    adversarial: Optional[float]
    epsilon: float

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes by name."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Decoding:
    """Statistics of the decoding: the work it took to find the top labels.

    Attributes:
      labels_scored: by estimator, the mean number of labels scored per point.
      approximate: the settings of approximate decoding; None for exact decoding.
      recall: by estimator, the fraction of the exact top labels that approximate decoding found; empty for exact decoding.
    """

    labels_scored: Mapping[str, float]
    approximate: Optional[Approximate] = None
    recall: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def mode(self) -> str:
        """ "exact" or "approximate"."""
        return "exact" if self.approximate is None else "approximate"

    def to_json(self) -> dict[str, Any]:
        """Returns the mode and the labels scored, and what approximate decoding adds."""
        content: dict[str, Any] = {"mode": self.mode, "labels_scored": dict(self.labels_scored)}
        if self.approximate is not None:
            content["recall"] = dict(self.recall)
            content["approximate"] = dataclasses.asdict(self.approximate)
        return content


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Elapsed seconds: loading the model and compiling the decoder, the network's forward passes, and decoding."""

    loading: float
    network: float
    decoding: float

    def to_json(self) -> dict[str, float]:
        """Returns the attributes by name."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """The metrics in percent with the first `repetitions` repetitions."""

    repetitions: int
    metrics: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes by name."""
        return {"repetitions": self.repetitions, "metrics": dict(self.metrics)}
