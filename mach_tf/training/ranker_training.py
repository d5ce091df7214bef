"""Training of a model's ranker: after the repetitions, from the same points."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
import scipy.sparse

from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.manifest import ModelManifest
from mach_tf.progress_bars import Bar
from mach_tf.ranker import choice, classifiers
from mach_tf.ranker.ranker import Ranker, problem_of
from mach_tf.training import claims, held_out, resume
from mach_tf.training.run_options import wants_ranker
from mach_tf.training_config import TrainingConfig

# The weight of classifiers' scores, which aim at 2 for the points of a label, beside means of logits: high where labels have few points,
# because then the ensemble knows little of them. It falls with the points of the data's mean label, and, more slowly, from rare labels to
# frequent ones of the same data. Measured in docs/benchmarks/accuracy.md, "The ranker".
_WEIGHT, _MEAN_POWER, _LABEL_POWER = 38.0, 2 / 3, 0.15


class RankerResult(NamedTuple):
    """What was trained; its `str()` is a sentence.

    Attributes:
      choice: the penalty, and how it was chosen.
      weights: the number of weights that were kept.
      labels: the number of labels that have some.
      unseen: the same ranker without the points that are held out to calibrate on; None if none are.
    """

    choice: choice.Choice
    weights: int
    labels: int
    unseen: Optional[Ranker] = None

    def __str__(self) -> str:
        penalty, precision, points = self.choice
        found = f"The ranker has {self.weights:,} weights for {self.labels:,} labels. "
        if not points:
            return f"{found}The penalty is {penalty:g}, as labels have too few points to choose it."
        return (
            f"{found}With the penalty {penalty:g} it has, alone, a mean P@1, P@3 and P@5 of {precision:.1f}% on "
            f"{points:,} held-out points."
        )


def label_weights(label_points: np.ndarray) -> np.ndarray:
    """Returns the weights of the labels' classifiers in label scores, float32 [K].

    Args:
      label_points: the number of training points of each label, int [K], of which some are above 0. Labels without any do not change
        the weights of others.
    """
    mean = label_points[label_points > 0].mean()
    return (_WEIGHT * mean**-_MEAN_POWER * (np.maximum(label_points, 1) / mean) ** -_LABEL_POWER).astype(np.float32)


def check_task(config: TrainingConfig) -> None:
    """Raises InputError for a training whose model cannot have a ranker."""
    config.require_multilabel("Rankers", "their weights are chosen beside logits of sigmoids: train with ranker=False")


def complete(
    dataset_dir: str, model_dir: str, wanted: Optional[bool] = None, progress: bool = True
) -> Optional[RankerResult]:
    """Trains the ranker of a model that lacks one, once all of its repetitions are trained.

    Args:
      dataset_dir, model_dir, progress: as for `train`, whose errors it raises.
      wanted: whether the model is to have one; None for what its first run wanted.

    Returns:
      What was trained; None if none is wanted, if repetitions are missing, or if there is a ranker already.
    """
    model = ModelManifest.read(model_dir)
    if not (wants_ranker(model) if wanted is None else wanted):
        return None
    if resume.pending(model_dir, model.bucket_spec.repetitions):
        return None
    if model.ranker_sha256 and not problem_of(model_dir, model.ranker_sha256):
        return None
    return train(dataset_dir, model_dir, progress)


def train(dataset_dir: str, model_dir: str, progress: bool = True) -> RankerResult:
    """Trains the ranker of a model and adds it to the model directory, in place of one that it had.

    Args:
      dataset_dir: the dataset directory that the model was trained on.
      model_dir: the model directory.
      progress: whether to draw a progress bar on stderr.

    Raises:
      InputError: the model was trained on another dataset, or with task=multiclass.
    """
    with Bar("train the ranker", 3, "step", shown=progress) as bar:
        problem = _Problem.of(dataset_dir, model_dir, bar)
        ranker, without = problem.rankers()
        bar.update()
    claims.add_ranker(model_dir, ranker)
    weights = ranker.weights
    return RankerResult(problem.choice, weights.nnz, int(np.count_nonzero(np.diff(weights.indptr))), without)


def unseen(dataset_dir: str, model_dir: str) -> Optional[Ranker]:
    """Trains the ranker without the points that are held out to calibrate on; None if none are. Arguments and errors are those of `train`."""
    with Bar("train the ranker", 2, "step", shown=False) as bar:
        return _Problem.of(dataset_dir, model_dir, bar).rankers()[1]


class _Problem(NamedTuple):
    """What the ranker of a model learns from.

    Attributes:
      features, labels: the training points with features and labels, CSR [n, D] and CSR [n, K] of ones.
      halves: the half of the repetitions that each point is held out from, as of `held_out.halves`.
      near: the candidates of each point, CSR [n, K] of ones.
      choice: the penalty, and how it was chosen.
    """

    features: scipy.sparse.csr_matrix
    labels: scipy.sparse.csr_matrix
    halves: np.ndarray
    near: scipy.sparse.csr_matrix
    choice: choice.Choice

    @classmethod
    def of(cls, dataset_dir: str, model_dir: str, bar: Bar) -> _Problem:
        """Finds the candidates and chooses the penalty, two steps of the bar; arguments and errors are those of `train`."""
        data, model = DatasetReader.open(dataset_dir), ModelManifest.read(model_dir)
        if model.dataset_fingerprint != data.manifest.fingerprint:
            raise InputError(
                f"{model_dir} was trained on another dataset than {dataset_dir}. Give the one of its training."
            )
        check_task(model.training)
        features, labels, halves = _matrices(data, model)
        near = classifiers.candidates(features, labels)
        bar.update()
        chosen = choice.choose(features, labels, near, model.training.seed)
        bar.update()
        return cls(features, labels, halves, near, chosen)

    def rankers(self) -> tuple[Ranker, Optional[Ranker]]:
        """Trains on all points, and without those that are held out; None in place of the latter if none are."""
        problem, held = (self.features, self.labels, self.near, self.choice.penalty), self.halves != held_out.NO_HALF
        if not held.any():
            return self._weighted(classifiers.fit(*problem)), None
        both = classifiers.fit_both(*problem, held)
        return self._weighted(both[0]), self._weighted(both[1])

    def _weighted(self, weights: scipy.sparse.csr_matrix) -> Ranker:
        label_points = np.bincount(self.labels.indices, minlength=self.labels.shape[1])
        scales = label_weights(label_points)
        weights.data *= np.repeat(scales, np.diff(weights.indptr))
        # Probabilities need one weight for all labels, as they rank as label scores do: that of the mean label of a point.
        return Ranker(weights, float(np.average(scales, weights=label_points)))


def _matrices(
    data: DatasetReader, model: ModelManifest
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix, np.ndarray]:
    """Returns the training points with features and labels, CSR [n, D] and CSR [n, K] of ones, and the half of each, as of `held_out.halves`."""
    features, labels, halves = [], [], []
    # Some points at a time: of all together, what is made on the way would take four times the memory of the matrices.
    for points in data.iterate_points("train"):
        whole = (np.diff(points.row_splits) > 0) & (np.diff(points.label_splits) > 0)
        some = points if whole.all() else points[whole]
        features.append(some.features(model.columns))
        labels.append(some.labels(model.labels))
        halves.append(held_out.halves(some, model.training.calibration_fraction, model.training.seed))
    if not any(len(part) for part in halves):
        raise InputError(
            "A ranker needs training points with features and labels (got none with both). Train without: ranker=False."
        )
    return scipy.sparse.vstack(features, "csr"), scipy.sparse.vstack(labels, "csr"), np.concatenate(halves)
