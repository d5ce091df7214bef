"""Evaluates a model on a split of a dataset."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import arguments, estimators, objectives
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.model_dataset import check_dataset
from mach_tf.decoding.best_labels import best_labels
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.lanes import LANES
from mach_tf.errors import InputError
from mach_tf.evaluation import attack_evaluation, certification, comparison, one_pass
from mach_tf.evaluation.comparison import Earlier
from mach_tf.evaluation.evaluation_options import EvaluationOptions
from mach_tf.evaluation.evaluation_parts import CurvePoint, Decoding, Losses, Seconds
from mach_tf.evaluation.evaluation_result import Evaluation
from mach_tf.evaluation.label_filter import LabelFilter, read_label_filter
from mach_tf.evaluation.label_statistics import label_statistics, log_weights
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.evaluation.one_pass import PassOptions, PassResult
from mach_tf.evaluation.split_texts import texts_to_attack
from mach_tf.manifest import DatasetManifest
from mach_tf.metrics import bootstrap, breakdown, calibration, ranking_metrics
from mach_tf.metrics.calibration import Reliability
from mach_tf.name_scores import name_score
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.text.label_similarity import NameScore


def evaluate(
    model: Union[Network, str], dataset_dir: str, *, output_dir: Optional[str] = None, **options: Any
) -> Evaluation:
    """Evaluates a model on a split of a dataset: metrics with intervals, losses, calibration and, on request, certificates and attacks.

    Args:
      model: a trained model, or its directory.
      dataset_dir: dataset directory with the model's own features and labels.
      output_dir: directory for metrics.json, plots and TensorBoard logs; None writes no files. Everything but certificates
        and attacks is on disk before those begin, for they take the longest.
      **options: attributes of EvaluationOptions: `split`, `limit`, `ks`, `repetitions`, `estimators`, `attacks`,
        `epsilons`, `certify`, `bootstrap`, ...

    Returns:
      The Evaluation: print() shows tables, `.metrics` has percent by name, `.to_json()` returns the content of metrics.json.

    Raises:
      InputError: an option out of its range, a damaged dataset, a dataset with other features or labels than the model's, or
        attacks that are not possible.

    Example:
      >>> report = mach_tf.evaluate(model, "data/mine", attacks=["fgsm"], epsilons=[0, 0.02])
      >>> sorted(report.metrics)[:3]  # in percent; print(report) shows tables
      ['P@1', 'P@3', 'P@5']
    """
    return run(model, arguments.path(dataset_dir, "dataset_dir"), EvaluationOptions(**options), output_dir)


def run(
    model: Union[Network, str], dataset_dir: str, settings: EvaluationOptions, output_dir: Optional[str] = None
) -> Evaluation:
    """Evaluates a model as `evaluate` does, with its options as one object."""
    if output_dir is not None:
        output_dir = arguments.path(output_dir, "output_dir")
    task = _prepare(model, dataset_dir, settings)
    texts = texts_to_attack(task.network, settings.attack_list, dataset_dir, settings.split, task.points)
    if output_dir is not None:
        from mach_tf.evaluation import outputs  # Matplotlib takes a while to import

        outputs.check(output_dir, [dataset_dir, task.network.model_dir, settings.compare, settings.filter_labels])
    evaluation = _measure(task)
    if output_dir is not None:
        evaluation.write(output_dir)
    if settings.certification is not None:
        certified = certification.certify_hashed(task.network, task.points, settings.certification)
        evaluation = dataclasses.replace(evaluation, certificates=certified)
        if output_dir is not None:
            evaluation.write_certificates(output_dir)
    if not settings.attack_list:
        return evaluation
    aims: dict[str, Any] = {"target_label": task.target_label, "excluded": task.excluded}
    entries = attack_evaluation.evaluate_attacks(
        task.network, task.points, settings.attack_list, settings.sizes, task.report, evaluation.estimator,
        words=settings.words, texts=texts, **aims,
    )  # fmt: skip
    attacked = dataclasses.replace(evaluation, attacks=Robustness(tuple(entries), evaluation.ks))
    if output_dir is not None:
        attacked.write_attacks(output_dir)
    return attacked


@dataclasses.dataclass(frozen=True)
class _Task:
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


def _prepare(model: Union[Network, str], dataset_dir: str, settings: EvaluationOptions) -> _Task:
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
    return _Task(network, dataset_dir, dataset, points, settings, report, earlier, label_filter, added, decoder, target)


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


def _measure(task: _Task) -> Evaluation:
    """Measures everything except attacks."""
    network, points, settings, report = task.network, task.points, task.settings, task.report
    loading = _load(task)
    prefixes = one_pass.repetition_counts(len(network.repetitions)) if settings.repetition_curve else []
    names, ks = settings.estimator_names, tuple(report.ks)
    options = PassOptions(max(ks), names, settings.approximate, prefixes, task.excluded, task.name_score, task.decoder)
    found = one_pass.run(network, points, options)
    labels, top_labels = points.labels(network.labels), found.decoded[names[0]].labels
    per_point = {
        name: ranking_metrics.per_point(
            decoded.labels, labels, ks, report.propensities, network.manifest.training.multiclass
        )
        for name, decoded in found.decoded.items()
    }
    leading = per_point[names[0]]
    return Evaluation(
        dataset_dir=task.dataset_dir,
        dataset_fingerprint=task.dataset.fingerprint,
        model_dir=network.model_dir,
        split=settings.split,
        points=len(points),
        repetitions=len(network.repetitions),
        estimator=names[0],
        propensity=None if report.propensities is None else settings.propensity_name,
        ks=ks,
        intervals=bootstrap.intervals(leading, settings.bootstrap, settings.seed) if settings.bootstrap else {},
        estimators={
            name: ranking_metrics.summarize(per_point[name], decoded.labels, labels, ks)
            for name, decoded in found.decoded.items()
        },
        by_frequency=_by_frequency(top_labels, labels, report),
        calibration=_calibration(found, labels, network),
        repetition_curve=tuple(
            CurvePoint(count, ranking_metrics.summary(top, labels, ks, report.propensities))
            for count, top in found.by_repetitions.items()
        ),
        decoding=Decoding(
            {name: float(decoded.scored.mean()) for name, decoded in found.decoded.items()},
            settings.approximate,
            found.recall,
        ),
        seconds=Seconds(loading, found.network_seconds, found.decoding_seconds),
        loss=_losses(network, points, settings.adversarial_loss),
        comparison=task.earlier.compare(leading, settings.bootstrap, settings.seed) if task.earlier else None,
        attacks=None if settings.attack_list else Robustness((), ks),
        per_point=leading,
        label_filter=task.label_filter,
        name_weight=settings.name_weight,
        objective=settings.objective,
    )


def _load(task: _Task) -> float:
    """Loads what stays in memory and compiles the decoder, so that the pass is timed without both; returns the seconds."""
    begun, network = time.perf_counter(), task.network
    if network.repetitions.kept:
        for _ in network.repetitions:
            pass
    # Points whose buckets have equal scores make decoding try all its methods; one point alone is not scanned by blocks.
    equal = np.zeros((LANES, *network.sketch_shape), np.float32)
    empty = scipy.sparse.csr_matrix((LANES, network.manifest.columns), dtype=np.float32)
    for name in task.settings.estimator_names:
        for approximate in {None, task.settings.approximate}:
            best_labels(task.decoder, equal, empty, 1, name, network.added_scores(name, task.name_score), approximate)
    return time.perf_counter() - begun


def _calibration(found: PassResult, labels: scipy.sparse.csr_matrix, network: Network) -> dict[str, Reliability]:
    curves = {}
    for name, decoded in found.decoded.items():
        present = decoded.labels >= 0  # approximate decoding may find fewer than k labels
        if not present.any():
            raise InputError(
                f"Approximate decoding must find a label (got none for any point, estimator {name}); raise "
                "approximate.buckets or lower approximate.repetitions."
            )
        buckets = network.manifest.bucket_spec.buckets
        scores = estimators.probabilities(decoded.scores, name, buckets, network.logit_scale)
        curves[name] = calibration.reliability(scores[present], ranking_metrics.hits(decoded.labels, labels)[present])
    return curves


def _by_frequency(
    top_labels: np.ndarray, labels: scipy.sparse.csr_matrix, report: ReportOptions
) -> dict[str, breakdown.LabelGroup]:
    if report.groups is None:
        return {}
    return breakdown.by_frequency(top_labels, labels, report.groups, max(report.ks))


def _losses(network: Network, points: Points, adversarial: bool) -> Losses:
    """Measures the losses with the epsilon and support of the training."""
    training = network.manifest.training
    sizes = [0.0, training.epsilon] if adversarial else [0.0]
    losses = attack_evaluation.mean_bucket_losses(network, points, sizes, training.fgsm_support)
    return Losses(losses[0].loss, losses[1].loss if adversarial else None, training.epsilon)
