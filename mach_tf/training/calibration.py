"""Calibration of a trained model's probabilities: after the repetitions and the ranker, on points that neither was trained with."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from mach_tf import estimators
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.logit_scale import Calibration, FrequencyLine, LogitScale
from mach_tf.manifest import DatasetManifest, ModelManifest
from mach_tf.metrics import calibration, ranking_metrics, score_calibration
from mach_tf.network import Network
from mach_tf.top_labels import default_k
from mach_tf.training import claims, resume
from mach_tf.training.run_options import wants_calibration

SPLIT = "valid"
# More points hardly change two numbers, and take time.
_MOST_POINTS = 2000
# Labels of a point among which those of unequal weights are ranked: more lie far below the best.
_CANDIDATES = 20


class CalibrationResult(NamedTuple):
    """What was fitted; its `str()` is a sentence.

    Attributes:
      points: the number of held-out points.
      before, after: the expected calibration error of their best labels without and with calibration, in [0, 1].
    """

    points: int
    before: float
    after: float

    def __str__(self) -> str:
        return (
            f"The probabilities are calibrated on {self.points:,} points of the {SPLIT} split, on which their expected calibration error "
            f"fell from {self.before:.4f} to {self.after:.4f}."
        )


def check(dataset_dir: str, wanted: Optional[bool]) -> None:
    """Raises InputError if calibration is wanted, and the dataset has no points to calibrate on."""
    if wanted and not _held_out(DatasetReader.open(dataset_dir).manifest):
        raise InputError(
            f"Calibration needs a {SPLIT} split with labels and features, which the model is not trained with ({dataset_dir} has none). "
            "Preprocess with valid_fraction, or leave calibrate out."
        )


def complete(dataset_dir: str, model_dir: str, wanted: Optional[bool] = None) -> Optional[CalibrationResult]:
    """Calibrates a model whose repetitions, and ranker if it is to have one, are trained, unless it is calibrated already.

    Args:
      dataset_dir: the dataset directory that the model was trained on.
      model_dir: the model directory.
      wanted: whether to calibrate; None for what the model's first run wanted, if the dataset has points held out.

    Returns:
      What was fitted; None if nothing is wanted, or left to do, or can be done yet.

    Raises:
      InputError: as of `check`; or the model was trained on another dataset.
    """
    model, data = ModelManifest.read(model_dir), DatasetReader.open(dataset_dir)
    held_out = _held_out(data.manifest)
    if wanted is False or (wanted is None and not (wants_calibration(model) and held_out)):
        return None
    if resume.pending(model_dir, model.bucket_spec.repetitions):
        return None
    known = model.calibration
    # Calibrations of earlier versions have no line by frequency.
    whole = known is not None and known.by_frequency is not None
    if known is not None and whole and known.fits(model.bucket_spec.repetitions, model.ranker_sha256):
        return None
    check(dataset_dir, True)
    if model.dataset_fingerprint != data.manifest.fingerprint:
        raise InputError(
            f"{model_dir} was trained on another dataset than {dataset_dir}. Give the one of its training."
        )
    return _calibrate(data, model_dir)


def _held_out(dataset: DatasetManifest) -> bool:
    """Returns whether there is a validation split, with labels and features."""
    if SPLIT not in dataset.splits:
        return False
    found = Incomplete.of_split(dataset.split(SPLIT))
    return max(found.without_labels, found.without_features) < found.points


def _calibrate(data: DatasetReader, model_dir: str) -> CalibrationResult:
    network = Network.load(model_dir)
    points, start = data.sample_points(SPLIT, _MOST_POINTS), LogitScale.uncalibrated(network.ranker)
    features, labels = points.features(network.manifest.columns), points.labels(network.labels)
    found = network.decode(features, min(_CANDIDATES, network.labels))
    outcomes = ranking_metrics.hits(found.labels, labels)
    by_frequency = score_calibration.fit_by_frequency(found.scores, outcomes, data.label_counts()[found.labels], start)
    best = default_k(network.labels)
    scores, outcomes = found.scores[:, :best], outcomes[:, :best]
    line = LogitScale(*score_calibration.fit(scores, outcomes, start))
    repetitions, ranker = len(network.repetitions), network.manifest.ranker_sha256
    fitted = Calibration(*line, len(points), repetitions, ranker, FrequencyLine(*by_frequency))
    claims.add_calibration(model_dir, fitted)
    return CalibrationResult(len(points), *(_error(scores, outcomes, each) for each in (start, line)))


def _error(scores: np.ndarray, outcomes: np.ndarray, line: LogitScale) -> float:
    # Of means of logits the number of buckets decides nothing.
    probabilities = estimators.probabilities(scores, estimators.DEFAULT_ESTIMATOR, 2, line)
    return calibration.reliability(probabilities, outcomes).expected_error
