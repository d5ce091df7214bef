"""Evaluates a model: metrics, clean and attacked, of exactly decoded labels.

    python -m eval.main --dataset_dir data/bibtex --model_dir models/bibtex --output_dir results/bibtex \\
        --attack fgsm --epsilon 0,0.01,0.02

prints tables and writes metrics.json, plots and TensorBoard logs. Several models on one plot, targeted and transferred
attacks: python -m eval.robustness.
"""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from absl import flags

from eval import attack_flags, metric_flags
from mach_tf import startup
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR, ESTIMATORS
from mach_tf.metrics.propensity import CONSTANTS, propensities
from mach_tf.programs import program, shared_flags

if TYPE_CHECKING:
    from mach_tf.decoding.approximate import Approximate
    from mach_tf.ensemble import Ensemble
    from mach_tf.evaluation.one_pass import PassResult
    from mach_tf.manifest import DatasetManifest
    from mach_tf.metrics.calibration import Reliability
    from mach_tf.metrics.ranking_metrics import PerPoint
    from mach_tf.points import Points

FLAGS = flags.FLAGS

# Where
shared_flags.define_dataset_dir()
shared_flags.define_model_dir()
shared_flags.define_output_dir("metrics.json, plots and TensorBoard logs")

# Which points, which part of the model
shared_flags.define_split()
shared_flags.define_limit()
shared_flags.define_repetitions()

# Decoding
flags.DEFINE_list(
    "estimator", [DEFAULT_ESTIMATOR], f"Of the label scores: all, or some of {', '.join(ESTIMATORS)}; the first leads."
)
flags.DEFINE_enum(
    "decode",
    "exact",
    ["exact", "approximate"],
    "Whether every label may be found; the curve over repetitions and the attacks are always decoded exactly.",
)
flags.DEFINE_integer("approximate_buckets", 25, "Approximate: best buckets looked into.", lower_bound=1)
flags.DEFINE_integer("approximate_repetitions", 2, "Approximate: needed in so many repetitions.", lower_bound=1)

# What is reported
flags.DEFINE_bool("repetition_curve", True, "Metrics with the first 1, 2, 4, ... repetitions.")
flags.DEFINE_bool(
    "adversarial_loss", True, "The loss under FGSM with the epsilon and support that the model was trained with."
)
flags.DEFINE_enum("propensity", "default", sorted(CONSTANTS), "The data set's constants in the propensity model.")
flags.DEFINE_string("compare", None, "Another evaluation's metrics.json of the same points: prints the differences.")
flags.adopt_module_key_flags(metric_flags)
flags.adopt_module_key_flags(attack_flags)


def main(_: list[str]) -> None:
    startup.prepare()
    startup.check_versions()
    attacks, epsilons = attack_flags.attacks(), attack_flags.epsilons()
    estimators, approximate = _estimators(), _approximate()
    from mach_tf.attacks.attack_report import ReportOptions
    from mach_tf.data import records
    from mach_tf.ensemble import Ensemble
    from mach_tf.evaluation import one_pass, outputs, robustness, tables
    from mach_tf.manifest import DatasetManifest, check_same_features
    from mach_tf.metrics import bootstrap, breakdown, ranking_metrics

    dataset = DatasetManifest.read(FLAGS.dataset_dir)
    ks = metric_flags.cut_offs(dataset.labels)
    _check_dataset(dataset)
    theirs = _read_other(FLAGS.compare, dataset, ks)
    ensemble = Ensemble.load(FLAGS.model_dir, FLAGS.repetitions)
    check_same_features(ensemble.manifest, dataset)
    points = records.read_points(FLAGS.dataset_dir, dataset, FLAGS.split, FLAGS.limit)
    labels = points.labels(dataset.labels)
    counts = dataset.label_counts(FLAGS.dataset_dir)
    weights = propensities(counts, dataset.split("train").points, *CONSTANTS[FLAGS.propensity])
    groups = breakdown.label_groups(counts)
    options = ReportOptions(ks, weights, groups, FLAGS.bootstrap, FLAGS.seed)
    # Now: what cannot be attacked should not be found out after the evaluation.
    robustness.check(ensemble, points, attacks, options, None, FLAGS.target_label)

    loading = _load(ensemble, estimators, approximate)
    prefixes = one_pass.repetition_counts(len(ensemble.repetitions)) if FLAGS.repetition_curve else []
    found = one_pass.run(ensemble, points, one_pass.PassOptions(max(ks), estimators, approximate, prefixes))
    by_estimator = {
        name: ranking_metrics.per_point(decoded.labels, labels, ks, weights) for name, decoded in found.decoded.items()
    }
    per_point = by_estimator[estimators[0]]
    reliability = _reliability(found, labels, ensemble)
    report: dict[str, Any] = {
        "dataset_dir": FLAGS.dataset_dir,
        "dataset_fingerprint": dataset.fingerprint,
        "model_dir": FLAGS.model_dir,
        "split": FLAGS.split,
        "points": len(points),
        "repetitions": len(ensemble.repetitions),
        "estimator": estimators[0],
        "propensity": FLAGS.propensity,
        "metrics": _percent(per_point, found.decoded[estimators[0]].labels, labels, ks),
        "intervals": bootstrap.intervals(per_point, FLAGS.bootstrap, FLAGS.seed) if FLAGS.bootstrap else {},
        "estimators": {
            name: _percent(by_estimator[name], decoded.labels, labels, ks) for name, decoded in found.decoded.items()
        },
        "by_frequency": breakdown.by_frequency(found.decoded[estimators[0]].labels, labels, groups, max(ks)),
        "calibration": {name: curve.to_json() for name, curve in reliability.items()},
        "repetition_curve": [
            {
                "repetitions": count,
                "metrics": _percent(ranking_metrics.per_point(top, labels, ks, weights), top, labels, ks),
            }
            for count, top in found.by_repetitions.items()
        ],
        "decoding": _decoding(found, approximate),
        "seconds": {"loading": loading, "network": found.network_seconds, "decoding": found.decoding_seconds},
        "loss": _losses(ensemble, points),
    }
    if theirs is not None:
        report["compare"] = {"with": FLAGS.compare, "differences": _differences(per_point, theirs)}
    # None as long as attacks are to come.
    report["attacks"] = None if attacks else []
    paths = outputs.write(FLAGS.output_dir, report, per_point, reliability, ks)
    if attacks:
        # They take the longest, after all else is on disk.
        report["attacks"] = robustness.evaluate_attacks(
            ensemble, points, attacks, epsilons, options, estimators[0], target_label=FLAGS.target_label
        )
        header = {name: report[name] for name in ("dataset_dir", "split", "points", "estimator")}
        paths += robustness.write(FLAGS.output_dir, {FLAGS.model_dir: {"attacks": report["attacks"]}}, header)
        outputs.write_metrics(FLAGS.output_dir, report)
    print("\n" + tables.summary(report, ks))
    print("\n".join(["", *dict.fromkeys(paths)]))


def _estimators() -> list[str]:
    names = list(ESTIMATORS) if FLAGS.estimator == ["all"] else FLAGS.estimator
    if not names or set(names) - set(ESTIMATORS) or len(set(names)) < len(names):
        raise InputError(
            f"--estimator must be all, or a list of different ones of {', '.join(ESTIMATORS)} (got {','.join(names)})."
        )
    return names


def _approximate() -> Optional[Approximate]:
    from mach_tf.decoding.approximate import Approximate

    if FLAGS.decode == "exact":
        return None
    return Approximate(FLAGS.approximate_buckets, FLAGS.approximate_repetitions)


def _check_dataset(dataset: DatasetManifest) -> None:
    if not dataset.split(FLAGS.split).points:
        raise InputError(f"The {FLAGS.split!r} split must have points to evaluate (got none); give another --split.")
    if dataset.split("train").points < 3:
        raise InputError("The propensities of labels need a train split of at least 3 points in the dataset.")


def _read_other(path: Optional[str], dataset: DatasetManifest, ks: list[int]) -> Optional[dict[str, PerPoint]]:
    from mach_tf import files
    from mach_tf.evaluation.outputs import POINTS_FILE
    from mach_tf.metrics import bootstrap

    if path is None:
        return None
    theirs = files.read_json(path, "evaluation; make one with python -m eval.main")
    split = dataset.split(FLAGS.split).points
    ours = (dataset.fingerprint, FLAGS.split, min(FLAGS.limit or split, split))
    if (theirs.get("dataset_fingerprint"), theirs.get("split"), theirs.get("points")) != ours:
        raise InputError(
            f"--compare must name an evaluation of the same points: {ours[2]} of this dataset's split {FLAGS.split!r} (got "
            f"{theirs.get('points')} points of split {theirs.get('split')!r} of {theirs.get('dataset_dir')}). Evaluate both alike."
        )
    if theirs.get("propensity", FLAGS.propensity) != FLAGS.propensity:
        raise InputError(
            f"--compare must name an evaluation with the same --propensity={FLAGS.propensity} (got {theirs['propensity']}); "
            "their PSP@k are not the same metric."
        )
    beside = os.path.join(os.path.dirname(path), POINTS_FILE)
    per_point = bootstrap.read_points(beside)
    if {len(metric.numerator) for metric in per_point.values()} != {ours[2]}:
        raise InputError(
            f"{beside} must be of the evaluation in {path}, {ours[2]} points; evaluate the other model again."
        )
    if not any(f"P@{k}" in per_point for k in ks):
        raise InputError(
            f"--compare must name an evaluation with a --k in common (got {', '.join(n for n in per_point if n[:2] == 'P@')}; "
            f"--k here is {','.join(map(str, ks))})."
        )
    return per_point


def _load(ensemble: Ensemble, estimators: list[str], approximate: Optional[Approximate]) -> float:
    """Loads what stays in memory and compiles the decoder now, so that the pass is timed without it; gives the seconds."""
    from mach_tf.decoding.lanes import LANES

    begun = time.perf_counter()
    if ensemble.repetitions.kept:
        for _ in ensemble.repetitions:
            pass
    # Of points whose buckets all score the same, decoding tries every way it knows; one alone would not be scanned by blocks.
    alike = np.zeros((LANES, *ensemble.sketch_shape), np.float32)
    for estimator in estimators:
        ensemble.decoder.top_k(alike, 1, estimator)
        if approximate:
            approximate.top_k(ensemble.decoder, alike, 1, estimator)
    return time.perf_counter() - begun


def _percent(per_point: dict[str, PerPoint], top: np.ndarray, labels: Any, ks: list[int]) -> dict[str, float]:
    from mach_tf.metrics import ranking_metrics

    values = {name: metric.percent for name, metric in per_point.items()}
    return {**values, **ranking_metrics.coverage(top, labels, ks)}


def _reliability(found: PassResult, labels: Any, ensemble: Ensemble) -> dict[str, Reliability]:
    from mach_tf import estimators
    from mach_tf.metrics import calibration, ranking_metrics

    curves = {}
    for name, decoded in found.decoded.items():
        there = decoded.labels >= 0  # approximate decoding may find fewer than k
        if not there.any():
            raise InputError(
                f"--decode=approximate must find a label (got none for any point, estimator {name}); raise "
                "--approximate_buckets or lower --approximate_repetitions."
            )
        scores = estimators.probabilities(decoded.scores, name, ensemble.manifest.bucket_spec.buckets)
        curves[name] = calibration.reliability(scores[there], ranking_metrics.hits(decoded.labels, labels)[there])
    return curves


def _decoding(found: PassResult, approximate: Optional[Approximate]) -> dict[str, Any]:
    scored = {name: float(decoded.scored.mean()) for name, decoded in found.decoded.items()}
    result: dict[str, Any] = {"mode": FLAGS.decode, "labels_scored": scored}
    if approximate is not None:
        result["recall"] = found.recall
        result["approximate"] = dataclasses.asdict(approximate)
    return result


def _losses(ensemble: Ensemble, points: Points) -> dict[str, Any]:
    """Clean and adversarial loss, the latter at the trained epsilon; null where it is not wanted."""
    from mach_tf.evaluation import robustness

    epsilon = ensemble.manifest.training.epsilon
    support = ensemble.manifest.training.fgsm_support
    sizes = [0.0, epsilon] if FLAGS.adversarial_loss else [0.0]
    losses = [entry["loss"] for entry in robustness.bucket_loss_report(ensemble, points, sizes, support)]
    return {"clean": losses[0], "adversarial": losses[1] if FLAGS.adversarial_loss else None, "epsilon": epsilon}


def _differences(ours: dict[str, PerPoint], theirs: dict[str, PerPoint]) -> dict[str, Any]:
    from mach_tf.metrics import bootstrap

    found = bootstrap.paired_differences(ours, theirs, FLAGS.bootstrap or 1000, FLAGS.seed)
    return {name: dataclasses.asdict(difference) for name, difference in found.items()}


if __name__ == "__main__":
    program.run(main)
