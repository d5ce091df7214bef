"""Attacks a model's points, reports what came of it, and writes robustness.json, its plot and its TensorBoard logs."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mach_tf import files
from mach_tf.attacks import attack_report, bucket_loss
from mach_tf.attacks.attack_report import ReportOptions
from mach_tf.attacks.attack_run import AttackRun
from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.errors import InputError
from mach_tf.evaluation import plots
from mach_tf.network import Network
from mach_tf.points import Points

ROBUSTNESS_FILE = "robustness.json"
PLOT_FILE = "robustness.png"


def evaluate_attacks(
    ensemble: Network,
    points: Points,
    attacks: Sequence[Attack],
    epsilons: Sequence[float],
    options: ReportOptions,
    estimator: str,
    source: Optional[Network] = None,
    target_label: Optional[int] = None,
) -> list[dict[str, Any]]:
    """Runs every attack at every size; progress goes to stderr.

    Args:
      ensemble: answers.
      points: hashed, with labels; at least one.
      attacks: what is done.
      epsilons: sizes, 0 or not among them.
      options: what is reported; the largest of its ks is the k of targeted attacks.
      estimator: of label scores.
      source: the ensemble that the attacks are made on; None for `ensemble` itself.
      target_label: for "push_in".

    Returns:
      Entries of mach_tf.attacks.attack_report.report, attack by attack, epsilon by epsilon.

    Raises:
      InputError: these points or these models cannot be attacked so.
    """
    check(ensemble, points, attacks, options, source, target_label)
    labels = points.labels(ensemble.manifest.labels)
    entries = []
    for attack in attacks:
        run = AttackRun(ensemble, attack, max(options.ks), estimator, source, target_label)
        sizes = [0.0, *(epsilon for epsilon in epsilons if epsilon)]
        clean, *attacked = run.outcomes(points, sizes, _bar(attack.name))
        chosen = [clean, *attacked] if 0.0 in epsilons else attacked
        entries += attack_report.report(attack, clean, chosen, labels, options)
    return entries


def check(
    ensemble: Network,
    points: Points,
    attacks: Sequence[Attack],
    options: ReportOptions,
    source: Optional[Network],
    target_label: Optional[int],
) -> None:
    """Raises InputError for what cannot be attacked; arguments as in `evaluate_attacks`, where there may be no attacks."""
    manifest = ensemble.manifest
    if not len(points):
        raise InputError("There must be at least one point to attack (got none); give another --split or --limit.")
    if any(attack.clip_nonnegative for attack in attacks) and np.min(points.feature_values, initial=0) < 0:
        raise InputError(
            f"--clip_nonnegative needs values that are not negative (got {points.feature_values.min()}; signed hashing "
            "makes them so). Attack without it."
        )
    if target_label is not None and not any(attack.objective == "push_in" for attack in attacks):
        raise InputError("--target_label is the label that push_in pushes in; give it with --attack=push_in.")
    targeted = any(attack.objective != "untargeted" for attack in attacks)
    if targeted and max(options.ks) >= manifest.labels:
        raise InputError(f"Targeted attacks need k below the {manifest.labels} labels (got k = {max(options.ks)}).")
    if target_label is not None and not 0 <= target_label < manifest.labels:
        raise InputError(f"--target_label must be in [0, {manifest.labels}) (got {target_label}).")
    for name in ("features", "labels", "feature_spec") if source else ():
        ours, theirs = getattr(manifest, name), getattr(source.manifest, name)  # type: ignore[union-attr]
        if ours != theirs:
            raise InputError(
                f"An attack made on one model goes over to another only when both have the same {name} "
                f"(got {theirs} where it is made, {ours} where it is used)."
            )


def bucket_loss_report(
    ensemble: Network, points: Points, epsilons: Sequence[float], support: str
) -> list[dict[str, float]]:
    """The paper's loss, each repetition attacked on its own: {"epsilon", "loss"} for each epsilon; 0 is the clean loss."""
    losses = bucket_loss.bucket_losses(ensemble, points, epsilons, support, _bar("bucket loss"))
    return [{"epsilon": epsilon, "loss": float(loss.mean())} for epsilon, loss in zip(epsilons, losses)]


def write(output_dir: str, models: Mapping[str, Mapping[str, Any]], header: Mapping[str, Any]) -> list[str]:
    """Writes robustness.json, robustness.png and TensorBoard scalars and figure.

    Args:
      output_dir: made when it is not there.
      models: by model directory, what is reported of it: "attacks", of `evaluate_attacks`, and what else there is.
      header: what the JSON object holds besides.

    Returns:
      The paths of the JSON file, the plot and the TensorBoard directory.
    """
    os.makedirs(output_dir, exist_ok=True)
    paths = [os.path.join(output_dir, name) for name in (ROBUSTNESS_FILE, PLOT_FILE, "tensorboard")]
    content = [{"model_dir": name, **report} for name, report in models.items()]
    files.write_json(paths[0], {**header, "models": content})
    reports = _short_names(models)
    attacks = {name: report["attacks"] for name, report in reports.items()}
    figure = plots.robustness_figure(attacks, _plotted(attacks))
    plots.write_png(figure, paths[1])
    for name, report in reports.items():
        _write_scalars(os.path.join(paths[2], name), report)
    with tf.summary.create_file_writer(paths[2]).as_default():
        tf.summary.image("robustness", plots.pixels(figure), step=0)
    return paths


def _bar(name: str) -> Callable[[Sequence[range]], Iterable[range]]:
    return functools.partial(tqdm, desc=name, unit="chunk", disable=None)


def _plotted(attacks: Mapping[str, Sequence[dict[str, Any]]]) -> list[str]:
    """P at every cut-off, and nDCG at the largest."""
    names = list(next(iter(attacks.values()))[0]["metrics"])
    return [name for name in names if name.startswith("P@")] + [name for name in names if name.startswith("nDCG@")][-1:]


def _write_scalars(directory: str, report: Mapping[str, Any]) -> None:
    """Every number of every entry, at the step epsilon in millionths."""
    with tf.summary.create_file_writer(directory).as_default():
        for entry in report["attacks"]:
            values = {**entry["metrics"], "loss": entry["loss"], "success_rate": entry["success_rate"]}
            values["relative_norm"] = entry["relative_norm"]["mean"]
            for name, value in values.items():
                tf.summary.scalar(f"{entry['attack']}/{name}", value, step=_step(entry["epsilon"]))
            for group, values in entry.get("by_frequency", {}).items():
                for name, value in values.items():
                    if "@" in name:
                        tag = f"{entry['attack']} by frequency/{group} {name}"
                        tf.summary.scalar(tag, value, step=_step(entry["epsilon"]))
        for entry in report.get("bucket_loss", ()):
            tf.summary.scalar("bucket_loss", entry["loss"], step=_step(entry["epsilon"]))


def _step(epsilon: float) -> int:
    return round(1e6 * epsilon)


def _short_names(models: Mapping[str, Any]) -> dict[str, Any]:
    """The models by the last part of their directory, where that tells them apart."""
    short = {name: os.path.basename(os.path.normpath(name)) for name in models}
    unique = len(set(short.values())) == len(short)
    return {short[name] if unique else name.replace(os.sep, "_"): entries for name, entries in models.items()}
