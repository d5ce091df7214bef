"""Figures of an evaluation, also as TensorBoard images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mach_tf import figures
from mach_tf.attacks.attack_report import AttackEntry
from mach_tf.metrics.calibration import Reliability


class NotebookFigure(Figure):
    """A figure that displays itself in a notebook; Matplotlib's own does so only once pyplot has chosen a backend."""

    def _repr_png_(self) -> bytes:
        return figures.png(self, self.dpi)


def robustness_figure(models: Mapping[str, Sequence[AttackEntry]], metrics: Sequence[str]) -> NotebookFigure:
    """Plots metrics against epsilon, and against the number of changed words, one panel per metric, one line per model and attack.

    Args:
      models: the results by the model's name; the name of a single model is not shown.
      metrics: names of metrics, such as "P@1", or "success_rate".
    """
    kinds = sorted({entry.attack.of_words for entries in models.values() for entry in entries}) or [False]
    columns = min(len(metrics), 2)
    rows = -(-len(metrics) // columns)
    figure = NotebookFigure(figsize=(5.5 * columns, 3.6 * rows * len(kinds)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows * len(kinds), columns)).ravel()
    for panel in panels:
        panel.set_visible(False)
    for of_words, own in zip(kinds, np.split(panels, len(kinds))):
        chosen = {
            model: [entry for entry in entries if entry.attack.of_words == of_words]
            for model, entries in models.items()
        }
        attacks = list(dict.fromkeys(entry.attack.name for entries in chosen.values() for entry in entries))
        for panel, metric in zip(own, metrics):
            panel.set_visible(True)
            for color, (model, entries) in enumerate(chosen.items()):
                for style, attack in enumerate(attacks):
                    curve = sorted((e.epsilon, _value(e, metric)) for e in entries if e.attack.name == attack)
                    if curve:
                        panel.plot(
                            *zip(*curve), f"{_MARKERS[style % 4]}{_LINES[style % 4]}", color=f"C{color}", markersize=4,
                            label=f"{model}, {attack}" if len(models) > 1 else attack,
                        )  # fmt: skip
            _label(panel, "changed words" if of_words else "epsilon", f"{metric} (%)")
        own[0].legend(fontsize="small")
    return figure


def calibration_figure(curves: Mapping[str, Reliability]) -> Figure:
    """Plots reliability curves above the number of predictions in each bin.

    Args:
      curves: the curves by name, such as the estimator's.
    """
    figure = Figure(figsize=(5.5, 5.5), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    top.plot([0, 1], [0, 1], ":", color="gray", label="calibrated")
    for name, curve in curves.items():
        filled = curve.counts > 0
        label = f"{name} (expected error {curve.expected_error:.3f})"
        top.plot(curve.confidence[filled], curve.accuracy[filled], "o-", markersize=4, label=label)
        bottom.stairs(curve.counts, curve.edges)
    _label(top, "", "fraction of true labels")
    _label(bottom, "label score as a probability", "predictions")
    bottom.set_yscale("symlog", linthresh=1)
    top.legend(fontsize="small")
    return figure


def curves_figure(x: Sequence[float], curves: Mapping[str, Sequence[float]], x_label: str, y_label: str) -> Figure:
    """Plots lines over shared x values; x is logarithmic, because repetitions double."""
    figure = Figure(figsize=(5.5, 3.8), layout="constrained")
    panel = figure.subplots()
    for name, y in curves.items():
        panel.plot(x, y, "o-", markersize=4, label=name)
    panel.set_xscale("log", base=2)
    panel.set_xticks(list(x), [f"{value:g}" for value in x])
    _label(panel, x_label, y_label)
    panel.legend(fontsize="small")
    return figure


def certificates_figure(
    epsilons: Sequence[float], curves: Mapping[str, Sequence[float]], n_cut_offs: int
) -> NotebookFigure:
    """Plots certified and attacked metrics against epsilon: certified ones solid, attacked ones dashed, one color per cut-off.

    Args:
      epsilons: ascending.
      curves: values in percent by name, the curves of one cut-off side by side.
      n_cut_offs: number of cut-offs.
    """
    figure = NotebookFigure(figsize=(5.5, 3.8), layout="constrained")
    panel = figure.subplots()
    per_cut_off = len(curves) // n_cut_offs
    for i, (name, values) in enumerate(curves.items()):
        style = "o-" if name.startswith("certified") else "s--"
        panel.plot(epsilons, values, style, color=f"C{i // per_cut_off}", markersize=4, label=name)
    _label(panel, "epsilon", "%")
    panel.legend(fontsize="small")
    return figure


def minimal_epsilon_figure(
    found: Mapping[str, np.ndarray], proved: Mapping[str, np.ndarray], largest: float
) -> NotebookFigure:
    """Plots the share of points whose top label changes within each epsilon: found by attacks solid, not excluded by proofs dashed.

    Args:
      found: the smallest sizes that attacks found, by the name of a group of points; infinity where none was found.
      proved: the sizes up to which nothing can change, by the same names; empty for none.
      largest: the largest size that was tried.
    """
    figure = NotebookFigure(figsize=(5.5, 3.8), layout="constrained")
    panel = figure.subplots()
    for i, (name, values) in enumerate(found.items()):
        curves = [("-", values, f"{name} ({len(values):,} points)")]
        if name in proved:
            curves.append(("--", proved[name], ""))
        for style, sizes, label in curves:
            ordered = np.sort(sizes)
            shares = 100 * np.arange(1, len(ordered) + 1) / len(ordered)
            inside = ordered <= largest
            panel.step(ordered[inside], shares[inside], style, where="post", color=f"C{i}", label=label or None)
    panel.set_xscale("symlog", linthresh=largest / 100)
    panel.set_xlim(0, largest)
    panel.set_ylim(0, 100)
    _label(panel, "epsilon", "points whose top label changes (%)")
    panel.legend(fontsize="small", title="top label")
    return figure


def pixels(figure: Figure) -> np.ndarray:
    """Returns the rendered figure, uint8 [1, height, width, 4], as tf.summary.image takes it."""
    figure.set_dpi(figures.DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[None]


_MARKERS = "os^d"
_LINES = ("-", "--", "-.", ":")


def _value(entry: AttackEntry, metric: str) -> float:
    return entry.success_rate if metric == "success_rate" else entry.metrics[metric]


def _label(panel: Any, x: str, y: str) -> None:
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.grid(alpha=0.3)
