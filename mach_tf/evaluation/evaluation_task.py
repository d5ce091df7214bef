"""An evaluation whose inputs are read and checked, before anything is measured."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional, Union

import scipy.sparse

from mach_tf import arguments, objectives, repetition_files
from mach_tf.attacks.attack_chunks import chunks
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.model_dataset import check_dataset
from mach_tf.decoding.decode import Decoder
from mach_tf.errors import InputError
from mach_tf.evaluation import attack_evaluation, certification, comparison
from mach_tf.evaluation.comparison import Earlier
from mach_tf.evaluation.evaluation_options import EvaluationOptions
from mach_tf.evaluation.label_filter import LabelFilter, read_label_filter
from mach_tf.evaluation.label_statistics import label_statistics, log_weights
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics import ranking_metrics
from mach_tf.name_scores import name_score
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.text.label_similarity import NameScore


@dataclasses.dataclass(frozen=True)
class EvaluationTask:
    """An evaluation whose inputs are read and checked.

    Attributes:
      network: the model.
      dataset_dir, dataset: where the dataset is, and its manifest.
      points: the hashed points.
      settings: what to measure.
      report: what is reported, of clean and of attacked points.
      earlier: the evaluation to compare with, if any.
      label_filter: the pairs of points and labels that are left out, if any; `points` no longer have them.
      name_score: what to add to label scores, if anything.
      decoder: ranks labels.
      target_label: the label that "push_in" pushes in; None draws one per point.
    """

    network: Network
    dataset_dir: str
    dataset: DatasetManifest
    points: Points
    settings: EvaluationOptions
    report: ReportOptions
    earlier: Optional[Earlier]
    label_filter: Optional[LabelFilter]
    name_score: Optional[NameScore]
    decoder: Decoder
    target_label: Optional[int]

    @property
    def excluded(self) -> Optional[scipy.sparse.csr_matrix]:
        """The labels that are left out of each point's predictions; None for none."""
        return None if self.label_filter is None else self.label_filter.excluded

    def describe(self) -> dict[str, Any]:
        """Returns everything that the results of the points depend on, as plain values: not how they are summarised."""
        settings, attacks = self.settings, self.settings.attack_list
        run: dict[str, Any] = {
            "model": repetition_files.fingerprint(self.network.model_dir, len(self.network.repetitions)),
            "dataset": self.dataset.fingerprint,
            "split": settings.split,
            "points": len(self.points),
            "filter_labels": None if self.label_filter is None else self.label_filter.sha256,
            "k": list(self.report.ks),
            "estimator": settings.estimator_names,
            "decode": None if settings.approximate is None else dataclasses.asdict(settings.approximate),
            "name_weight": settings.name_weight,
            "objective": settings.objective,
            "repetition_curve": settings.repetition_curve,
            "adversarial_loss": settings.adversarial_loss,
            "attack": [dataclasses.asdict(attack) for attack in attacks],
        }
        if settings.objective != objectives.PRECISION:
            run["propensity"] = list(settings.propensity_constants)
        if attacks:
            run["epsilon"], run["attack_words"] = settings.sizes, list(settings.words)
            run["target_label"] = self.target_label
            # It is larger where the weights do not fit in memory, and chunks of other sizes are other parts.
            run["points_attacked_together"] = [
                len(chunks(len(self.points), [self.network], attack.support)[0]) for attack in attacks
            ]
        return run


def prepare(model: Union[Network, str], dataset_dir: str, settings: EvaluationOptions) -> EvaluationTask:
    """Reads the inputs of an evaluation and checks them; arguments and errors as of `evaluation.evaluate`."""
    network = _open(model, settings.repetitions, ranker=settings.approximate is None)
    data = DatasetReader.open(dataset_dir)
    dataset = data.manifest
    ks = ranking_metrics.cut_offs(settings.ks, dataset.labels)
    available = _check_splits(dataset, settings.split)
    check_dataset(network.manifest, dataset, network.model_dir, dataset_dir, settings.force)
    label_filter, n_points = None, min(settings.limit or available, available)
    if settings.filter_labels is not None:
        label_filter = read_label_filter(
            arguments.path(settings.filter_labels, "filter_labels"), dataset_dir, dataset, settings.split, n_points
        )
    label_counts = data.label_counts()
    counts = label_statistics(dataset, label_counts, *settings.propensity_constants)
    report = ReportOptions(ks, counts.propensities, counts.groups, settings.bootstrap, settings.seed)
    earlier = None
    if settings.compare is not None:
        propensity = None if counts.propensities is None else settings.propensity_name
        earlier = comparison.read_earlier(
            settings.compare, dataset, settings.split, n_points, ks, propensity, label_filter
        )
    Incomplete.of_split(dataset.split(settings.split)).check(f"of the {settings.split} split")
    points = data.read_points(settings.split, settings.limit)
    Incomplete.of(points).warn(f"of the {settings.split} split")
    if label_filter is not None:
        points = label_filter.truth(points)
    # Checked now: what cannot be attacked should not be found out after the evaluation.
    target = attack_evaluation.target_id(network, settings.target_label)
    attack_evaluation.check(network, points, settings.attack_list, report, None, target)
    if settings.certification is not None:
        certification.checked_cut_offs(network, points, settings.certification)
    added = name_score(network, settings.name_weight)
    weights = log_weights(settings.objective, dataset, label_counts, *settings.propensity_constants)
    decoder = objectives.ranking(network, settings.objective, weights)
    return EvaluationTask(
        network, dataset_dir, dataset, points, settings, report, earlier, label_filter, added, decoder, target
    )


def _open(model: Union[Network, str], repetitions: Optional[int], ranker: bool) -> Network:
    if not isinstance(model, Network):
        return Network.load(model, repetitions, ranker=ranker)
    if not ranker and model.ranker is not None:
        raise InputError(
            "approximate decoding is of the ensemble alone: open the model with ranker=False, or give its path."
        )
    if repetitions is not None:
        raise InputError(
            f"repetitions must be left out with an open model (got {repetitions}). Open it with that many, or give its path."
        )
    return model


def _check_splits(dataset: DatasetManifest, split: str) -> int:
    """Returns the number of points in the split to evaluate."""
    points = dataset.split(split).points
    if not points:
        raise InputError(f"The {split!r} split must have points to evaluate (got none); choose another split.")
    return points
