"""The figure of a faithfulness trial, and the files that a trial is written to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Optional

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mach_tf import figures, files, outputs
from mach_tf.explanations.trials.trial_results import FaithfulnessTrial

RESULTS_FILE = "faithfulness.json"
FIGURE_FILE = "faithfulness.png"
_PANELS = {
    "deletion": ("Deletion: without the first features", "fraction of the point's features removed"),
    "insertion": ("Insertion: with the first features only", "fraction of the point's features kept"),
}


def trial_figure(trial: FaithfulnessTrial) -> Figure:
    """Returns the deletion and insertion curves side by side, one line for each order of the features."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (kind, (title, label)) in zip(panels, _PANELS.items()):
        for name, curves in trial.faithfulness.curves.items():
            scores = getattr(curves, kind)
            panel.plot(trial.faithfulness.fractions, scores, marker="o", markersize=3, label=name.replace("_", " "))
        panel.set(title=title, xlabel=label)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(f"mean score of the best label ({trial.estimator})")
    panels[0].legend()
    return figure


def check(output_dir: str, inputs: Sequence[Optional[str]]) -> None:
    """Checks before the work that nothing `write_trial` writes is an input.

    Raises:
      InputError: as of `mach_tf.outputs.check`.
    """
    outputs.check([os.path.join(output_dir, name) for name in (RESULTS_FILE, FIGURE_FILE)], inputs)


def write_trial(trial: FaithfulnessTrial, output_dir: str) -> str:
    """Writes faithfulness.json and faithfulness.png; returns the path of the figure.

    Args:
      trial: the results.
      output_dir: directory for both files; created if missing.
    """
    os.makedirs(output_dir, exist_ok=True)
    files.write_json(os.path.join(output_dir, RESULTS_FILE), trial.to_json())
    path = os.path.join(output_dir, FIGURE_FILE)
    figures.write_png(trial_figure(trial), path)
    return path
