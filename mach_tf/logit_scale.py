"""How label scores that are means of logits become probabilities: by a line whose result is their log-odds."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple, Optional, Protocol

from mach_tf import files
from mach_tf.errors import InputError


class _Weighted(Protocol):
    """A ranker, or its copy in a servable.

    Attributes:
      weight: its weight in label scores.
    """

    weight: float


class LogitScale(NamedTuple):
    """The line (s - shift) / scale, which brings a label score s to the log-odds of the label's probability.

    Attributes:
      shift: the score with a probability of one half.
      scale: the scores per unit of log-odds, above 0, so that probabilities rank as label scores do.
    """

    shift: float = 0.0
    scale: float = 1.0

    @classmethod
    def of_ranker(cls, weight: float) -> LogitScale:
        """Returns the line of a model that was not calibrated.

        The classifiers of a ranker of weight v add about 2 v to the score of a label for its points, and 0 for others: the shift is v and
        the scale 1 + v / 2. With a weight for each label, v is their mean.

        Args:
          weight: v; 0 for no ranker, which leaves scores as they are.
        """
        return cls(weight, 1 + weight / 2)

    @classmethod
    def uncalibrated(cls, ranker: Optional[_Weighted]) -> LogitScale:
        """Returns the line of a model with this ranker, or with none, that was not calibrated."""
        return cls.of_ranker(0.0 if ranker is None else ranker.weight)

    def log_odds(self, scores: Any) -> Any:
        """Returns the log-odds of label scores, an array or a tensor of any shape, in the type of the scores."""
        return (scores - self.shift) / self.scale


# Scores are log-odds already.
AS_THEY_ARE = LogitScale()


@dataclasses.dataclass(frozen=True)
class FrequencyLine:
    """Probabilities of more labels than the few best, by which labels of unequal weights are ranked.

    The probability of a label with the score s and N training points is taken to be proportional to N^power / (1 + exp(-(s - shift) / scale)).
    The line of the best labels is overconfident of those that follow them, and of rare ones most.

    Attributes:
      shift, scale: those of the line, the scale above 0.
      power: that of N, 0 or more.
    """

    shift: float
    scale: float
    power: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.shift) and 0 < self.scale < math.inf and 0 <= self.power < math.inf):
            raise InputError("a line by frequency must have a finite shift, a scale above 0 and a power of 0 or more")


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A line that was fitted on held-out points, as model.json records it.

    Attributes:
      shift, scale: those of the line.
      points: the number of points that it was fitted on.
      repetitions: the number of repetitions whose scores it was fitted on.
      ranker_sha256: the SHA-256 of the ranker that added to these scores; empty for none.
      by_frequency: the line for labels of unequal weights; None in models of earlier versions.
    """

    shift: float
    scale: float
    points: int
    repetitions: int
    ranker_sha256: str = ""
    by_frequency: Optional[FrequencyLine] = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.shift) and 0 < self.scale < math.inf and self.points > 0 and self.repetitions > 0):
            raise InputError("a calibration must have a finite shift, and a scale and counts above 0")
        if self.ranker_sha256 and not files.SHA256.fullmatch(self.ranker_sha256):
            raise InputError(f"ranker_sha256 must be a SHA-256 or empty (got {self.ranker_sha256!r:.80})")

    def fits(self, repetitions: int, ranker_sha256: str) -> bool:
        """Returns whether it was fitted on the scores of a model with that many repetitions and that ranker."""
        return self.repetitions == repetitions and self.ranker_sha256 == ranker_sha256


def used(calibration: Optional[Calibration], ranker_sha256: str) -> Optional[Calibration]:
    """Returns the calibration of a model if it is that of the model's label scores with this ranker; None otherwise.

    A model that was opened with fewer repetitions than the line was fitted on uses it too: half of them have about the same line. Scores
    without the ranker have another one.

    Args:
      calibration: that of the model, if it has one.
      ranker_sha256: the SHA-256 of the ranker that the model was opened with; empty for none.
    """
    return calibration if calibration is not None and calibration.ranker_sha256 == ranker_sha256 else None


def line(calibration: Optional[Calibration], ranker_sha256: str, ranker_weight: float) -> LogitScale:
    """Returns the line of an opened model.

    Args:
      calibration, ranker_sha256: as of `used`.
      ranker_weight: the weight of that ranker; 0 for none.
    """
    fitted = used(calibration, ranker_sha256)
    return LogitScale.of_ranker(ranker_weight) if fitted is None else LogitScale(fitted.shift, fitted.scale)
