"""Evaluates a model on a split of a dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import arguments, estimators
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.errors import InputError
from mach_tf.evaluation import certification, evaluation_task, point_results
from mach_tf.evaluation.evaluation_options import EvaluationOptions
from mach_tf.evaluation.evaluation_parts import CurvePoint, Decoding, Losses, Seconds
from mach_tf.evaluation.evaluation_result import Evaluation
from mach_tf.evaluation.evaluation_task import EvaluationTask
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.evaluation.one_pass import PassResult
from mach_tf.evaluation.point_results import PointResults
from mach_tf.evaluation.split_texts import texts_to_attack
from mach_tf.metrics import bootstrap, breakdown, calibration, ranking_metrics
from mach_tf.metrics.calibration import Reliability
from mach_tf.network import Network
from mach_tf.point_range import FinishedRange, PointRange
from mach_tf.run_parts import has_parts, run_parts

# What the names of the parts of an evaluation begin with.
_KIND = "evaluation"


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
    task = evaluation_task.prepare(model, dataset_dir, settings)
    texts = texts_to_attack(task.network, settings.attack_list, dataset_dir, settings.split, task.points)
    if output_dir is not None:
        from mach_tf.evaluation import outputs  # Matplotlib takes a while to import

        outputs.check(output_dir, [dataset_dir, task.network.model_dir, settings.compare, settings.filter_labels])
    with run_parts(_parts_directory(task, output_dir), _KIND, task.describe) as parts:
        return _measure_and_write(PointResults(task, parts), texts, output_dir)


def run_range(
    model: Union[Network, str], dataset_dir: str, settings: EvaluationOptions, output_dir: str, point_range: PointRange
) -> FinishedRange:
    """Computes what an evaluation needs of some blocks of points, and keeps it in `output_dir`, where `run` takes it from.

    Args:
      model, dataset_dir, settings, output_dir: as of `evaluate`; all ranges and `run` have the same.
      point_range: the blocks.

    Raises:
      InputError: as of `evaluate`; certificates are wanted; or output_dir holds parts of another evaluation.
    """
    if settings.certification is not None:
        raise InputError("certify must be left out with point_range: only metrics and attacks are computed by ranges.")
    task = evaluation_task.prepare(model, dataset_dir, settings)
    texts = texts_to_attack(task.network, settings.attack_list, dataset_dir, settings.split, task.points)
    with run_parts(arguments.path(output_dir, "output_dir"), _KIND, task.describe, point_range) as parts:
        PointResults(task, parts).keep(texts)
    return FinishedRange(point_range, parts.finished, output_dir, "metrics.json")


def _parts_directory(task: EvaluationTask, output_dir: Optional[str]) -> Optional[str]:
    """Returns where to keep what is finished; None for a single block of points without attacks, unless an earlier run kept it."""
    if output_dir is None or len(task.points) > point_results.BLOCK or task.settings.attack_list:
        return output_dir
    return output_dir if has_parts(output_dir, _KIND) else None


def _measure_and_write(
    results: PointResults, texts: Optional[Sequence[Sequence[str]]], output_dir: Optional[str]
) -> Evaluation:
    task, settings = results.task, results.task.settings
    evaluation = _measure(results)
    if output_dir is not None:
        evaluation.write(output_dir)
    if settings.certification is not None:
        certified = certification.certify_hashed(task.network, task.points, settings.certification)
        evaluation = dataclasses.replace(evaluation, certificates=certified)
        if output_dir is not None:
            evaluation.write_certificates(output_dir)
    if not settings.attack_list:
        return evaluation
    attacked = dataclasses.replace(evaluation, attacks=Robustness(tuple(results.attacks(texts)), evaluation.ks))
    if output_dir is not None:
        attacked.write_attacks(output_dir)
    return attacked


def _measure(results: PointResults) -> Evaluation:
    """Measures everything except attacks."""
    task = results.task
    network, points, settings, report = task.network, task.points, task.settings, task.report
    names, ks = settings.estimator_names, tuple(report.ks)
    found, losses = results.decoded(), results.losses().mean(axis=1)
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
        seconds=Seconds(results.loading_seconds, found.network_seconds, found.decoding_seconds),
        loss=Losses(
            float(losses[0]),
            float(losses[1]) if settings.adversarial_loss else None,
            network.manifest.training.epsilon,
        ),
        comparison=task.earlier.compare(leading, settings.bootstrap, settings.seed) if task.earlier else None,
        attacks=None if settings.attack_list else Robustness((), ks),
        per_point=leading,
        label_filter=task.label_filter,
        name_weight=settings.name_weight,
        objective=settings.objective,
    )


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
