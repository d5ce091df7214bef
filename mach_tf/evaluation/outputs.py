"""Writes an evaluation: metrics.json, per_point.npz, plots, TensorBoard scalars and figures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

import tensorflow as tf

from mach_tf import figures, files, tensorboard_logs
from mach_tf import outputs as output_files
from mach_tf.evaluation import plots, robustness_outputs
from mach_tf.metrics import bootstrap
from mach_tf.metrics.ranking_metrics import PerPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mach_tf.metrics.calibration import Reliability

METRICS_FILE = "metrics.json"
CALIBRATION_FILE = "calibration.png"
REPETITIONS_FILE = "repetitions.png"
TENSORBOARD_DIRECTORY = "tensorboard"


def check(output_dir: str, inputs: Sequence[Optional[str]]) -> None:
    """Checks before the work that nothing `write` writes, or the attacks write, is an input.

    Raises:
      InputError: as of `mach_tf.outputs.check`.
    """
    names = (METRICS_FILE, CALIBRATION_FILE, REPETITIONS_FILE, bootstrap.POINTS_FILE)
    output_files.check([os.path.join(output_dir, name) for name in names], inputs)
    robustness_outputs.check(output_dir, inputs)


def write(
    output_dir: str,
    report: Mapping[str, Any],
    per_point: Mapping[str, PerPoint],
    reliability: Mapping[str, Reliability],
    ks: Sequence[int],
) -> list[str]:
    """Writes everything except the files of the attacks.

    Args:
      output_dir: directory for the files; created if missing.
      report: the content of metrics.json.
      per_point: each point's part of the leading estimator's metrics; a later comparison reads it.
      reliability: calibration curves by estimator.
      ks: the cut-offs of P@k in the plots.

    Returns:
      The paths that a reader would open; see `paths`.
    """
    os.makedirs(output_dir, exist_ok=True)
    drawn: dict[str, Figure] = {CALIBRATION_FILE: plots.calibration_figure(reliability)}
    curve = report.get("repetition_curve")
    if curve:
        lines = {f"P@{k}": [entry["metrics"][f"P@{k}"] for entry in curve] for k in ks}
        counts = [entry["repetitions"] for entry in curve]
        drawn[REPETITIONS_FILE] = plots.curves_figure(counts, lines, "repetitions", "P@k (%)")
    for name, figure in drawn.items():
        figures.write_png(figure, os.path.join(output_dir, name))
    bootstrap.write_points(os.path.join(output_dir, bootstrap.POINTS_FILE), per_point)
    logs = os.path.join(output_dir, TENSORBOARD_DIRECTORY)
    with tensorboard_logs.optional(logs, "evaluation", warnings.warn):
        _write_tensorboard(logs, report, drawn)
    # Last, so that whoever finds metrics.json finds everything else, except attacks.
    write_metrics(output_dir, report)
    return paths(output_dir, bool(curve))


def paths(output_dir: str, curve: bool) -> list[str]:
    """Returns the paths that `write` writes, with or without a curve over repetitions."""
    plotted = [CALIBRATION_FILE, REPETITIONS_FILE] if curve else [CALIBRATION_FILE]
    return [os.path.join(output_dir, name) for name in (METRICS_FILE, *plotted, TENSORBOARD_DIRECTORY)]


def write_metrics(output_dir: str, report: Mapping[str, Any]) -> None:
    """Writes metrics.json alone."""
    files.write_json(os.path.join(output_dir, METRICS_FILE), report)


def write_certificates(output_dir: str, report: Mapping[str, Any]) -> None:
    """Writes metrics.json with certificates, and adds those to TensorBoard's logs, at the step epsilon in millionths."""
    logs = os.path.join(output_dir, TENSORBOARD_DIRECTORY)
    with tensorboard_logs.optional(logs, "evaluation", warnings.warn):
        with tf.summary.create_file_writer(logs).as_default():
            for size in report["certificates"]["sizes"]:
                for name, value in size["metrics"].items():
                    tf.summary.scalar(f"certificates/{name}", value, step=robustness_outputs.step(size["epsilon"]))
    write_metrics(output_dir, report)


def _write_tensorboard(directory: str, report: Mapping[str, Any], drawn: Mapping[str, Figure]) -> None:
    """Writes one run per estimator, and one with the curve over repetitions (its step is R), the figures and the rest."""
    for estimator, metrics in report["estimators"].items():
        with tf.summary.create_file_writer(os.path.join(directory, estimator)).as_default():
            for name, value in metrics.items():
                tf.summary.scalar(f"metrics/{name}", value, step=0)
    with tf.summary.create_file_writer(directory).as_default():
        for name, value in report["loss"].items():
            if isinstance(value, float):
                tf.summary.scalar(f"loss/{name}", value, step=0)
        for estimator, curve in report.get("calibration", {}).items():
            tf.summary.scalar(f"expected_calibration_error/{estimator}", curve["expected_calibration_error"], step=0)
        for group, values in report.get("by_frequency", {}).items():
            for name, value in values.items():
                tf.summary.scalar(f"by_frequency/{group} {name}", value, step=0)
        for entry in report.get("repetition_curve", ()):
            for name, value in entry["metrics"].items():
                tf.summary.scalar(f"repetitions/{name}", value, step=entry["repetitions"])
        for file, figure in drawn.items():
            tf.summary.image(os.path.splitext(file)[0], plots.pixels(figure), step=0)
