"""Explains chosen points of an input and writes explanations.jsonl and report.html."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator
from typing import Any, Optional

import numpy as np
import tabulate

from mach_tf import files
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.explanations.explanation import Explanation
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting import baselines, point_explainer, selection
from mach_tf.explanations.reporting.explanation_inputs import ExplanationInputs
from mach_tf.explanations.reporting.point_explainer import ExplanationRequest
from mach_tf.explanations.reporting.point_explanation import PointExplanation
from mach_tf.explanations.reporting.report import Report
from mach_tf.explanations.words.visible_text import shown_name
from mach_tf.points import Points
from mach_tf.progress_bars import Bar

LINES_FILE = "explanations.jsonl"
REPORT_FILE = "report.html"
FILES = (LINES_FILE, REPORT_FILE)
_CHUNK_POINTS = 256
_TABLE_ROWS = 12
_TABLE_FEATURES = 4


@dataclasses.dataclass(frozen=True)
class ExplanationOptions:
    """The options of explanations: the points and labels, and the display.

    Attributes:
      points: "all", numbers and ranges such as "0,5,7" or "0-99", or "label:NAME:COUNT" for the first COUNT points with a
        label.
      labels: "top:N" for each point's N best labels, "true" for its own, or ids such as "3,14".
      attribution: the method, and the estimator whose scores are explained.
      baseline: where the paths begin: "zero", "mean" (of the training points) or "point:ID".
      epsilon: size of the FGSM step shown in the report; 0 for no step, None for the epsilon that the model was trained with.
      features_shown: bars per explanation in the report, at least 1.

    Raises:
      InputError: an epsilon that is negative or not finite.
    """

    points: str = "0-9"
    labels: str = "top:3"
    attribution: AttributionConfig = dataclasses.field(default_factory=AttributionConfig)
    baseline: str = "zero"
    epsilon: Optional[float] = None
    features_shown: int = 12

    def __post_init__(self) -> None:
        if self.epsilon is not None and not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise InputError(f"epsilon must be a finite number, 0 or more (got {self.epsilon}).")


@dataclasses.dataclass(frozen=True)
class WrittenExplanations:
    """The result of `write_explanations`.

    Attributes:
      count: number of explanations.
      lines_file: path of explanations.jsonl, one explanation per line.
      report_file: path of report.html.
      first: the first explanations, for the table.
    """

    count: int
    lines_file: str
    report_file: str
    first: tuple[Explanation, ...]

    def table(self) -> str:
        """Returns a table of the first explanations."""
        headers = ["point", "label", "score", "gap", "features with the largest attributions"]
        rows = [_table_row(explanation) for explanation in self.first]
        return tabulate.tabulate(rows, headers, floatfmt=".3g", disable_numparse=[1, 4])

    def to_json(self) -> dict[str, Any]:
        """Returns the number of explanations, the files and the first explanations as JSON values."""
        return {
            "count": self.count,
            "lines_file": self.lines_file,
            "report_file": self.report_file,
            "first": [explanation.to_json() for explanation in self.first],
        }

    def summary(self) -> str:
        """Returns the table, the number of explanations and where they are."""
        return f"{self.table()}\n{self.count} explanations in {self.lines_file}\nto read them, open {self.report_file}"

    def __str__(self) -> str:
        return self.table()


def write_explanations(inputs: ExplanationInputs, options: ExplanationOptions, output_dir: str) -> WrittenExplanations:
    """Explains the chosen points and writes explanations.jsonl and report.html.

    Args:
      inputs: the model and the text.
      options: what to explain.
      output_dir: directory for both files; created if missing.

    Raises:
      InputError: points, labels or a baseline that do not exist; or attributions that do not add up.
    """
    points = inputs.read_points()
    chosen = _choose(inputs, options, points)
    os.makedirs(output_dir, exist_ok=True)
    request = _request(inputs, options, points)
    page = Report(inputs.label_names, request.config.estimator, request.epsilon or None, options.features_shown)
    lines_file, report_file = os.path.join(output_dir, LINES_FILE), os.path.join(output_dir, REPORT_FILE)
    count = 0
    first: list[Explanation] = []
    with files.atomic_write(lines_file) as file:
        for point in _explained_points(request, points, chosen):
            for line in point.json_lines():
                file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
                count += 1
            page.add(point)
            first += [one.explanation for one in point.explained[: _TABLE_ROWS - len(first)]]
    name = os.path.basename(os.path.normpath(inputs.network.model_dir))
    with files.atomic_write(report_file) as file:
        file.write(page.html(f"Explanations of {name}", _about(inputs, options, request)).encode())
    return WrittenExplanations(count, lines_file, report_file, tuple(first))


def _choose(inputs: ExplanationInputs, options: ExplanationOptions, points: Points) -> np.ndarray:
    """Returns the numbers of the points to explain, once there is something to explain of them."""
    Incomplete.of(points, labels=False).check(f"of {', '.join(inputs.paths())}")
    chosen = selection.select_points(options.points, points, inputs.label_names)
    counted = Incomplete.of(points[chosen], labels=options.labels == selection.TRUE)
    if counted.without_labels == len(chosen):
        raise InputError(
            f"labels=true explains the labels that points have, but none of the {len(chosen)} chosen point(s) has one. Choose "
            "others by points, or explain labels=top:3."
        )
    counted.warn("that were chosen")
    return chosen


def _request(inputs: ExplanationInputs, options: ExplanationOptions, points: Points) -> ExplanationRequest:
    network = inputs.network
    selection.check_labels(options.labels, network.labels)
    return ExplanationRequest(
        network,
        options.attribution,
        options.labels,
        baselines.find_baseline(options.baseline, points, inputs.data),
        network.manifest.training.epsilon if options.epsilon is None else options.epsilon,
        selection.known_truth(points),
        inputs.feature_names,
        inputs.label_names,
    )


def _explained_points(request: ExplanationRequest, points: Points, chosen: np.ndarray) -> Iterator[PointExplanation]:
    with Bar("explain", len(chosen), "point") as bar:
        for begin in range(0, len(chosen), _CHUNK_POINTS):
            ids = chosen[begin : begin + _CHUNK_POINTS]
            yield from point_explainer.explain_points(request, points[ids], ids)
            bar.update(len(ids))


def _about(
    inputs: ExplanationInputs, options: ExplanationOptions, request: ExplanationRequest
) -> list[tuple[str, str]]:
    return [
        ("Model", inputs.network.model_dir),
        ("Input", ", ".join(inputs.paths())),
        ("Score", f"{request.config.estimator} of {len(inputs.network.bucket_table)} repetitions"),
        ("Method", request.config.describe()),
        ("Baseline", options.baseline),
        ("FGSM step", f"epsilon {request.epsilon:g}" if request.epsilon else "none"),
    ]


def _table_row(explanation: Explanation) -> list[object]:
    features = ", ".join(
        f"{shown_name(f.title)} {f.attribution:+.2f}" for f in explanation.attributions[:_TABLE_FEATURES]
    )
    return [explanation.point, shown_name(explanation.title), explanation.score, explanation.completeness_gap, features]
