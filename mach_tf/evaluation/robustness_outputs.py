"""Writes the robustness of one or several models: robustness.json, a plot and TensorBoard logs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import numpy as np
import tensorflow as tf

from mach_tf import figures, files, outputs, tensorboard_logs
from mach_tf.attacks.attack_report import AttackEntry
from mach_tf.evaluation import plots, tables
from mach_tf.evaluation.minimal_epsilon import MinimalEpsilon
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.evaluation.robustness_content import robustness_content

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROBUSTNESS_FILE = "robustness.json"
PLOT_FILE = "robustness.png"
TENSORBOARD_DIRECTORY = "tensorboard"

_Value = TypeVar("_Value")


def write(
    output_dir: str,
    models: Mapping[str, Robustness],
    header: Mapping[str, Any],
    minimal_epsilons: Optional[Mapping[str, MinimalEpsilon]] = None,
) -> list[str]:
    """Writes robustness.json, robustness.png and TensorBoard scalars and figure.

    Args:
      output_dir: directory for the files; created if missing.
      models: the results by model directory, all with the same cut-offs.
      header: what the JSON object contains besides the models.
      minimal_epsilons: the smallest sizes that change top labels, by model directory; None for none.

    Returns:
      The paths of the JSON file, the plot, the TensorBoard directory and, per model, the plot and the arrays of the smallest sizes.
    """
    os.makedirs(output_dir, exist_ok=True)
    minimal_epsilons = minimal_epsilons or {}
    json_file, plot_file, tensorboard, *of_minimal = written = paths(output_dir, minimal_epsilons)
    files.write_json(json_file, {**header, "models": robustness_content(models, minimal_epsilons)})
    drawn = figure(models)
    figures.write_png(drawn, plot_file)
    with tensorboard_logs.optional(tensorboard, "evaluation", warnings.warn):
        for name, robustness in _short_names(models).items():
            _write_scalars(os.path.join(tensorboard, name), robustness)
        with tf.summary.create_file_writer(tensorboard).as_default():
            tf.summary.image("robustness", plots.pixels(drawn), step=0)
    for minimal, plot, arrays in zip(minimal_epsilons.values(), of_minimal[::2], of_minimal[1::2]):
        figures.write_png(minimal.figure(), plot)
        content: dict[str, Any] = dict(minimal.arrays())
        with files.atomic_write(arrays) as file:
            np.savez_compressed(file, **content)
    return written


def check(output_dir: str, inputs: Sequence[Optional[str]]) -> None:
    """Checks before the work that nothing `write` writes is an input.

    Raises:
      InputError: as of `mach_tf.outputs.check`.
    """
    outputs.check(paths(output_dir)[:2], inputs)


def figure(models: Mapping[str, Robustness]) -> Figure:
    """Returns a figure of the metrics against epsilon, one line per model and attack; arguments as for `write`."""
    named = _short_names(models)
    ks = next(iter(named.values())).ks
    entries = {name: robustness.entries for name, robustness in named.items()}
    return plots.robustness_figure(entries, tables.headline_metrics(ks))


def paths(output_dir: str, minimal_epsilons: Optional[Mapping[str, MinimalEpsilon]] = None) -> list[str]:
    """Returns the paths that `write` writes; arguments as for `write`."""
    names = [ROBUSTNESS_FILE, PLOT_FILE, TENSORBOARD_DIRECTORY]
    models = _short_names(minimal_epsilons or {})
    for model in models:
        stem = "minimal_epsilon" if len(models) == 1 else f"minimal_epsilon-{model}"
        names += [f"{stem}.png", f"{stem}.npz"]
    return [os.path.join(output_dir, name) for name in names]


def _write_scalars(directory: str, robustness: Robustness) -> None:
    """Writes every number of every entry, at the step epsilon in millionths, or the number of words."""
    with tf.summary.create_file_writer(directory).as_default():
        for entry in robustness:
            at = step(entry.epsilon) if entry.words is None else entry.words
            for name, value in _scalars(entry).items():
                tf.summary.scalar(f"{entry.attack.name}/{name}", value, step=at)
            for group, values in (entry.by_frequency or {}).items():
                for name, value in values.to_json().items():
                    if "@" in name:
                        tag = f"{entry.attack.name} by frequency/{group} {name}"
                        tf.summary.scalar(tag, value, step=at)
        for loss in robustness.bucket_losses:
            tf.summary.scalar("bucket_loss", loss.loss, step=step(loss.epsilon))


def _scalars(entry: AttackEntry) -> dict[str, float]:
    others = {"loss": entry.loss, "success_rate": entry.success_rate, "relative_norm": entry.relative_norm.mean}
    return {**entry.metrics, **others}


def step(epsilon: float) -> int:
    """Returns TensorBoard's step of an epsilon: its millionths."""
    return round(1e6 * epsilon)


def _short_names(models: Mapping[str, _Value]) -> dict[str, _Value]:
    """Names the models by the last part of their directory if that tells them apart."""
    short = {name: os.path.basename(os.path.normpath(name)) for name in models}
    unique = len(set(short.values())) == len(short)
    return {short[name] if unique else name.replace(os.sep, "_"): value for name, value in models.items()}
