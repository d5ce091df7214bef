"""What a model card says of an evaluation: read from the metrics.json that mach-eval wrote."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mach_tf import files
from mach_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Attacked:
    """The metrics under an attack.

    Attributes:
      attack: its name.
      epsilon: its size; 0 for the points as they are.
      metrics: in percent, by name.
    """

    attack: str
    epsilon: float
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Certified:
    """What is proved against all perturbations of one size.

    Attributes:
      epsilon: the size.
      support: "nonzero" or "dense".
      metrics: in percent, by name: "certified P@k".
    """

    epsilon: float
    support: str
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """An evaluation of the model that a servable was made of.

    Attributes:
      points: number of points.
      split: the split that they are.
      dataset_fingerprint: fingerprint of the dataset.
      metrics: in percent, by name.
      intervals: the 95% intervals of metrics, by name.
      attacks: the metrics under attack.
      calibration_error: the expected calibration error of the probabilities; None if it was not computed.
      certificates: what is proved against all perturbations.
    """

    points: int
    split: str
    dataset_fingerprint: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    attacks: list[Attacked]
    calibration_error: Optional[float]
    certificates: Sequence[Certified] = ()


def read(path: str, estimator: str, repetitions: int) -> Evaluation:
    """Reads metrics.json.

    Args:
      path: the file.
      estimator: the servable's estimator, which must be the evaluation's.
      repetitions: the servable's number of repetitions, which must be the evaluation's.

    Raises:
      InputError: the file is no evaluation, or one of other scores.
    """
    found = files.read_json(path, "evaluation; make one with mach-eval")
    try:
        evaluation = _evaluation(found)
        scores = found["estimator"], found["repetitions"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} must be a metrics.json that mach-eval wrote ({_reason(error)}). Evaluate again."
        ) from None
    if scores != (estimator, repetitions):
        raise InputError(
            f"evaluation must be of the servable's scores, estimator {estimator} with {repetitions} repetitions ({path} is of "
            f"{scores[0]} with {scores[1]}). Evaluate the model with the same settings."
        )
    return evaluation


def _reason(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else f"{error!r:.100}"


def _evaluation(found: Mapping[str, Any]) -> Evaluation:
    certificates = found.get("certificates") or {}
    calibration = (found.get("calibration") or {}).get(found["estimator"])
    return Evaluation(
        int(found["points"]),
        str(found["split"]),
        str(found["dataset_fingerprint"]),
        {name: float(value) for name, value in found["metrics"].items()},
        {name: (float(low), float(high)) for name, (low, high) in (found.get("intervals") or {}).items()},
        [
            Attacked(str(entry["attack"]), float(entry["epsilon"]), dict(entry["metrics"]))
            for entry in found.get("attacks") or []
            if "words" not in entry  # attacks on words have no size that the card's table could name
        ],
        None if calibration is None else float(calibration["expected_calibration_error"]),
        [
            Certified(float(size["epsilon"]), str(certificates["support"]), dict(size["metrics"]))
            for size in certificates.get("sizes", ())
        ],
    )
