"""Explains chosen points of an input and writes explanations.jsonl and report.html."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator
from typing import Optional

import numpy as np

from mach_tf import files
from mach_tf.certificates import certificate_run
from mach_tf.choices import AUTO, EXPECTED_GRADIENTS
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.explanations.explanation_text import SHOWN
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting import baselines, point_explainer, selection
from mach_tf.explanations.reporting.explanation_inputs import ExplanationInputs
from mach_tf.explanations.reporting.point_explainer import ExplanationRequest
from mach_tf.explanations.reporting.point_explanation import PointExplanation
from mach_tf.explanations.reporting.point_files import InputPoints
from mach_tf.explanations.reporting.report import Report
from mach_tf.explanations.reporting.written_explanations import WrittenExplanations
from mach_tf.explanations.supporting_points import check_training_data
from mach_tf.explanations.words.located_words import explained_texts
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.progress_bars import Bar

LINES_FILE = "explanations.jsonl"
REPORT_FILE = "report.html"
FILES = (LINES_FILE, REPORT_FILE)
_CHUNK_POINTS = 256
# Products of features, over all points, and hidden units of all repetitions that are certified without being asked for: some seconds.
_CHEAP_CERTIFICATES = 2_000_000


@dataclasses.dataclass(frozen=True)
class ExplanationOptions:
    """The options of explanations: the points and labels, and the display.

    Attributes:
      points: "all", numbers and ranges such as "0,5,7" or "0-99", or "label:NAME:COUNT" for the first COUNT points with a
        label.
      labels: "top:N" for each point's N best labels, "true" for its own, or a list of ids, keys or names such as "3,physics".
      attribution: the method, and the estimator whose scores are explained.
      baseline: where the paths begin: "zero", "mean" (of the training points), "prior" (of the label), "point:ID", or "auto" for the
        prior if a dataset gives it and zero otherwise.
      epsilon: size of the FGSM step shown in the report; 0 for no step, None for the epsilon that the model was trained with.
      features_shown: bars per explanation in the report, at least 1; None for 12, or more until they are half of all attributions.
      against: a label by id, name or key whose score is subtracted (where it is the explained label itself, the best other), or "best" for
        the best of each point's other labels; None to explain scores alone.
      certified: whether the size is stated below which a point's top label is proved not to change; None if that takes a few seconds.
      counterfactual_k: states the fewest features without which a label is not among the top k; None for no search.
      supporting_points: states this number of training points that support a label most; None for none.

    Raises:
      InputError: an epsilon that is negative or not finite, or a baseline of one label for the difference of two.
    """

    points: str = "0-9"
    labels: str = "top:3"
    attribution: AttributionConfig = dataclasses.field(default_factory=AttributionConfig)
    baseline: str = AUTO
    epsilon: Optional[float] = None
    features_shown: Optional[int] = None
    against: Optional[str] = None
    certified: Optional[bool] = None
    counterfactual_k: Optional[int] = None
    supporting_points: Optional[int] = None

    def __post_init__(self) -> None:
        if self.against is not None and self.baseline in (AUTO, baselines.PRIOR):
            if self.baseline == baselines.PRIOR:
                raise InputError(
                    "baseline=prior is of one label, and against=... explains the difference of two. Use baseline=zero."
                )
            if self.attribution.method != EXPECTED_GRADIENTS:  # these draw their own baselines
                object.__setattr__(self, "baseline", baselines.ZERO)
        if self.epsilon is not None and not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise InputError(f"epsilon must be a finite number, 0 or more (got {self.epsilon}).")


def write_explanations(
    inputs: ExplanationInputs, options: ExplanationOptions, output_dir: Optional[str]
) -> WrittenExplanations:
    """Explains the chosen points and writes explanations.jsonl and report.html.

    Args:
      inputs: the model and the text.
      options: what to explain.
      output_dir: directory for both files; created if missing. None writes neither.

    Raises:
      InputError: points, labels or a baseline that do not exist; or attributions that do not add up.
    """
    read = inputs.read()
    chosen = _choose(inputs, options, read)
    request = _request(inputs, options, read.points, chosen, output_dir is not None)
    explained = _explained_points(request, read, chosen)
    if output_dir is None:
        first = [one.explanation for point in explained for one in point.explained]
        return WrittenExplanations(len(first), None, None, tuple(first), with_texts=True)
    os.makedirs(output_dir, exist_ok=True)
    estimator = request.config.estimator
    ranked = inputs.network.ranker_of(estimator) is not None
    shown = (options.features_shown, ranked, inputs.network.logit_scale)
    page = Report(inputs.label_names, estimator, request.epsilon or None, *shown)
    lines_file, report_file = os.path.join(output_dir, LINES_FILE), os.path.join(output_dir, REPORT_FILE)
    count, first = 0, []
    with files.atomic_write(lines_file) as file:
        for point in explained:
            for line in point.json_lines():
                file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
                count += 1
            page.add(point)
            first += [one.explanation for one in point.explained[: SHOWN - len(first)]]
    name = os.path.basename(os.path.normpath(inputs.network.model_dir))
    with files.atomic_write(report_file) as file:
        file.write(page.html(f"Explanations of {name}", _about(inputs, options, request)).encode())
    return WrittenExplanations(count, lines_file, report_file, tuple(first), with_texts=not inputs.paths())


def _choose(inputs: ExplanationInputs, options: ExplanationOptions, read: InputPoints) -> np.ndarray:
    """Returns the numbers of the points to explain, once there is something to explain of them."""
    points = read.points
    if read.texts is not None and not len(points.feature_ids):
        raise InputError(
            f"{_name(inputs)} must have words of the model's vocabulary, which are what is explained (got none). Give texts like those "
            "that the model was trained on."
        )
    Incomplete.of(points, labels=False).check(f"of {_name(inputs)}")
    chosen = selection.select_points(options.points, points, inputs.label_index)
    counted = Incomplete.of(points[chosen], labels=options.labels == selection.TRUE)
    if counted.without_labels == len(chosen):
        raise InputError(
            f"labels=true explains the labels that points have, but none of the {len(chosen)} chosen point(s) has one. Choose "
            "others by points, name the field of a text's labels by label_field, or explain labels=top:3."
        )
    if read.texts is not None:
        counted.warn_of_texts("that were chosen" if inputs.paths() else "")
        counted = counted._replace(without_features=0)
    counted.warn("that were chosen")
    return chosen


def _request(
    inputs: ExplanationInputs, options: ExplanationOptions, points: Points, chosen: np.ndarray, with_report: bool
) -> ExplanationRequest:
    network = inputs.network
    k = options.counterfactual_k
    if k is not None and k >= network.labels:
        raise InputError(
            f"counterfactual_k must be below {network.labels}, the number of labels, for a label to be out of the top k (got {k})."
        )
    if options.supporting_points is not None:
        if inputs.data is None:
            raise InputError("supporting_points are training points, which the dataset has. Give dataset_dir.")
        check_training_data(network, inputs.data, options.attribution.estimator)
    return ExplanationRequest(
        network,
        options.attribution,
        selection.choose_labels(options.labels, inputs.label_index),
        baselines.of_run(options.baseline, options.attribution, points, inputs.data),
        network.manifest.training.epsilon if options.epsilon is None else options.epsilon,
        selection.known_truth(points),
        inputs.feature_names,
        inputs.label_names,
        _against(options.against, inputs),
        with_report and _is_certified(options, network, points, chosen),
        k,
        inputs.data,
        options.supporting_points,
    )


def _is_certified(options: ExplanationOptions, network: Network, points: Points, chosen: np.ndarray) -> bool:
    if options.certified:
        certificate_run.check_estimator(options.attribution.estimator)
        network.manifest.training.require_multilabel("Certificates", certificate_run.NOT_CERTIFIED)
        return True
    possible = options.attribution.estimator == certificate_run.CERTIFIED_ESTIMATOR
    if options.certified is not None or not possible or network.manifest.training.multiclass:
        return False
    entries = int(np.diff(points.row_splits)[chosen].sum())
    return entries * len(network.repetitions) * network.manifest.shape.hidden <= _CHEAP_CERTIFICATES


def _against(text: Optional[str], inputs: ExplanationInputs) -> Optional[int]:
    if text is None:
        return None
    if inputs.network.labels < 2:
        raise InputError("against=... needs a model of two labels or more (got 1). Leave it out.")
    return point_explainer.BEST_OTHER if text == "best" else inputs.label_index.one(text, "against")


def _explained_points(request: ExplanationRequest, read: InputPoints, chosen: np.ndarray) -> Iterator[PointExplanation]:
    with Bar("explain", len(chosen), "point") as bar:
        for begin in range(0, len(chosen), _CHUNK_POINTS):
            ids = chosen[begin : begin + _CHUNK_POINTS]
            texts = None
            if read.texts is not None:
                texts = explained_texts(request.network.texts.vectorizer, [read.texts[i] for i in ids])
            yield from point_explainer.explain_points(request, read.points[ids], ids, texts)
            bar.update(len(ids))


def _about(
    inputs: ExplanationInputs, options: ExplanationOptions, request: ExplanationRequest
) -> list[tuple[str, str]]:
    return [
        ("Model", inputs.network.model_dir),
        ("Input", _name(inputs)),
        ("Score", _score(inputs.network, request.config.estimator)),
        ("Method", request.config.describe()),
        ("Baseline", baselines.describe(options.baseline, inputs.data, options.attribution.method)),
        ("FGSM step", f"epsilon {request.epsilon:g}" if request.epsilon else "none"),
    ]


def _score(network: Network, estimator: str) -> str:
    ranked = ", plus the ranker" if network.ranker_of(estimator) is not None else ""
    return f"{estimator} of {len(network.bucket_table)} repetitions{ranked}"


def _name(inputs: ExplanationInputs) -> str:
    return ", ".join(inputs.paths()) or "The given text"
