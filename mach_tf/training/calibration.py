"""Calibration of a trained model's probabilities: after the repetitions and the ranker, on points that these were not trained with.

They are those of the validation split. Without one they are training points that half of the repetitions did not learn from: each is scored by
that half, whose mean has about the line of all repetitions, and by a ranker that was trained without these points.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.decoding.best_labels import best_labels
from mach_tf.decoding.decode import Decoded, Decoder
from mach_tf.errors import InputError
from mach_tf.logit_scale import Calibration, FrequencyLine, LogitScale
from mach_tf.manifest import ModelManifest
from mach_tf.metrics import calibration, ranking_metrics, score_calibration
from mach_tf.network import Network
from mach_tf.points import Points, concatenate
from mach_tf.ranker.ranker import Ranker
from mach_tf.top_labels import default_k
from mach_tf.training import calibration_fraction, claims, held_out, ranker_training, resume
from mach_tf.training.calibration_fraction import SPLIT
from mach_tf.training.run_options import wants_calibration

# More points hardly change two numbers, and take time.
_MOST_POINTS = 2000
# Labels of a point among which those of unequal weights are ranked: more lie far below the best.
_CANDIDATES = 20
# The best labels of some points, their true labels, CSR [n, K], and how many points of each label were learned from, int64 [K].
_Found = tuple[Decoded, scipy.sparse.csr_matrix, np.ndarray]


class CalibrationResult(NamedTuple):
    """What was fitted; its `str()` is a sentence.

    Attributes:
      points: the number of held-out points.
      before, after: the expected calibration error of their best labels without and with calibration, in [0, 1].
      split: the split that they are of.
    """

    points: int
    before: float
    after: float
    split: str = SPLIT

    def __str__(self) -> str:
        held = f"of the {SPLIT} split" if self.split == SPLIT else "that half of the repetitions did not learn from"
        return (
            f"The probabilities are calibrated on {self.points:,} points {held}, on which their expected calibration error "
            f"fell from {self.before:.4f} to {self.after:.4f}."
        )


def check(dataset_dir: str, wanted: Optional[bool], fraction: float = 0.0) -> None:
    """Raises InputError if calibration is wanted, and there are no points to calibrate on.

    Args:
      dataset_dir: the dataset directory.
      wanted: whether calibration is wanted.
      fraction: the calibration_fraction that the model is or was trained with.
    """
    if wanted and not fraction and not calibration_fraction.has_split(DatasetReader.open(dataset_dir).manifest):
        raise InputError(
            f"Calibration needs held-out points: a {SPLIT} split with labels and features, which {dataset_dir} lacks, or a calibration_fraction above 0 "
            "(got 0, which small data, few repetitions and models of earlier versions have unless it is given). Train a new model with "
            "calibration_fraction, preprocess with valid_fraction, or leave calibrate out."
        )


def complete(
    dataset_dir: str, model_dir: str, wanted: Optional[bool] = None, unseen: Optional[Ranker] = None
) -> Optional[CalibrationResult]:
    """Calibrates a model whose repetitions, and ranker if it is to have one, are trained, unless it is calibrated already.

    Args:
      dataset_dir: the dataset directory that the model was trained on.
      model_dir: the model directory.
      wanted: whether to calibrate; None for what the model's first run wanted, if there are points held out.
      unseen: the model's ranker without the points held out, if that was just trained; None trains it if it is needed.

    Returns:
      What was fitted; None if nothing is wanted, or left to do, or can be done yet, or if the fraction is so small that no point was held out.

    Raises:
      InputError: as of `check`; or the model was trained on another dataset.
    """
    model, data = ModelManifest.read(model_dir), DatasetReader.open(dataset_dir)
    fraction = model.training.calibration_fraction
    has_split = calibration_fraction.has_split(data.manifest)
    possible = fraction > 0 or has_split
    if wanted is False or (wanted is None and not (wants_calibration(model) and possible)):
        return None
    if resume.pending(model_dir, model.bucket_spec.repetitions):
        return None
    # Calibrations of earlier versions have no line by frequency.
    known = model.calibration
    whole = known is not None and known.by_frequency is not None
    if known is not None and whole and known.fits(model.bucket_spec.repetitions, model.ranker_sha256):
        return None
    check(dataset_dir, True, fraction)
    if model.dataset_fingerprint != data.manifest.fingerprint:
        raise InputError(
            f"{model_dir} was trained on another dataset than {dataset_dir}. Give the one of its training."
        )
    network, k = Network.load(model_dir), min(_CANDIDATES, model.labels)
    if has_split:
        points = data.sample_points(SPLIT, _MOST_POINTS)
        found = network.decode(points.features(model.columns), k)
        return _calibrate(data, network, [(found, points.labels(model.labels), data.label_counts())], SPLIT)
    if unseen is None and model.ranker_sha256:
        unseen = ranker_training.unseen(dataset_dir, model_dir)
    parts = list(_by_halves(data, network, unseen, k))
    return _calibrate(data, network, parts, "train") if parts else None


def _by_halves(data: DatasetReader, network: Network, unseen: Optional[Ranker], k: int) -> Iterator[_Found]:
    """Yields what each half of the repetitions finds for the points that it did not learn from."""
    config = network.manifest.training
    parts: list[list[Points]] = [[] for _ in range(held_out.HALVES)]
    for some in data.iterate_points("train"):
        halves = held_out.halves(some, config.calibration_fraction, config.seed)
        for half, held in enumerate(parts):
            held.append(some[np.flatnonzero(halves == half)])
    for half, held in enumerate(parts):
        own = [each for each in range(len(network.repetitions)) if held_out.half_of(each) == half]
        points = concatenate(held)
        if not own or not len(points):
            continue
        decoder = Decoder.of(network.bucket_table[own], network.manifest.bucket_spec.buckets)
        features, labels = points.features(network.manifest.columns), points.labels(network.labels)
        learned = data.label_counts() - np.bincount(points.label_ids, minlength=network.labels)
        sources = () if unseen is None else (unseen,)
        for rows, logits in network.sketches(features):
            part = slice(rows.start, rows.stop)
            scores = np.ascontiguousarray(logits[:, own])
            found = best_labels(decoder, scores, features[part], k, estimators.DEFAULT_ESTIMATOR, sources)
            yield found, labels[part], learned


def _calibrate(data: DatasetReader, network: Network, parts: list[_Found], split: str) -> CalibrationResult:
    start, best = LogitScale.uncalibrated(network.ranker), default_k(network.labels)
    scores = np.concatenate([found.scores for found, _, _ in parts])
    outcomes = np.concatenate([ranking_metrics.hits(found.labels, true) for found, true, _ in parts])
    learned = np.concatenate([counts[found.labels] for found, _, counts in parts])
    # A label that was learned from held-out points alone says nothing of a model that learned from them.
    some = (learned > 0) | (np.concatenate([data.label_counts()[found.labels] for found, _, _ in parts]) == 0)
    by_frequency = score_calibration.fit_by_frequency(scores[some], outcomes[some], learned[some], start)
    some, scores, outcomes = (each[:, :best] for each in (some, scores, outcomes))
    line = LogitScale(*score_calibration.fit(scores[some], outcomes[some], start))
    repetitions, ranker = len(network.repetitions), network.manifest.ranker_sha256
    fitted = Calibration(*line, len(scores), repetitions, ranker, FrequencyLine(*by_frequency))
    claims.add_calibration(network.model_dir, fitted)
    before, after = (_error(scores, outcomes, each) for each in (start, line))
    return CalibrationResult(len(scores), before, after, split)


def _error(scores: np.ndarray, outcomes: np.ndarray, line: LogitScale) -> float:
    # Of means of logits the number of buckets decides nothing.
    probabilities = estimators.probabilities(scores, estimators.DEFAULT_ESTIMATOR, 2, line)
    return calibration.reliability(probabilities, outcomes).expected_error
