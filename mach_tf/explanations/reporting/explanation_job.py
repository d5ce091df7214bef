"""One run of explanations as a whole: of chosen points, or of the features that drive each label."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Optional, Union

from mach_tf import outputs
from mach_tf.errors import InputError
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting import explanation_run, label_drivers, selection
from mach_tf.explanations.reporting.driver_run import write_label_drivers
from mach_tf.explanations.reporting.explanation_inputs import ANY_SETTINGS, open_inputs
from mach_tf.explanations.reporting.explanation_run import ExplanationOptions, write_explanations
from mach_tf.explanations.reporting.label_drivers import LabelDrivers
from mach_tf.explanations.reporting.written_explanations import WrittenExplanations
from mach_tf.point_range import FinishedRange, PointRange
from mach_tf.text.readers.settings import InputSettings

ALL_LABELS = "all"
# Attributes of ExplanationOptions that choose or show single points.
_OF_POINTS = (
    "points",
    "baseline",
    "epsilon",
    "features_shown",
    "against",
    "certified",
    "counterfactual_k",
    "supporting_points",
)
# Attributes of ExplanationJob that say what is read from files, and those that shape what is written to files.
_OF_INPUT = ("input", "input_labels", "points")
_OF_OUTPUT = ("epsilon", "features_shown", "certified", "counterfactual_k", "supporting_points")


@dataclasses.dataclass(frozen=True)
class ExplanationJob:
    """A job of explanations: the model, the text, the points and the output directory.

    Attributes:
      dataset_dir: the dataset that the model was trained on; None for a model of texts, which explains texts without it.
      model_dir: the model directory.
      output_dir: directory for the files; created if missing. None, with `text`, writes none.
      input: path of XML-repository text with the points, or of texts for a model of texts; None for the text that the split was
        made from.
      input_labels: path of the labels' file if `input` is in split form.
      split: the split whose text is read if `input` is None.
      labels: as of ExplanationOptions, or "all" for the features that drive each label over all points of the text.
      attribution: the method, and the estimator whose scores are explained.
      points, baseline, epsilon, features_shown, against, certified, counterfactual_k, supporting_points: as of ExplanationOptions, whose defaults None
        stands for; None with "all".
      top_features: features per label in global.tsv, with "all".
      force: explain with label names that are not those of the training data, with a warning.
      settings: of texts, the format of `input`, and where texts and labels stand.
      text: texts to explain in place of a file, as of `Ensemble.explain_text`.
      point_range: with "all", the blocks of points to compute, as of PointRange; None for all of them and the result.

    Raises:
      InputError: an option that has no effect with labels="all" or with `text`, or one out of its range.
    """

    dataset_dir: Optional[str]
    model_dir: str
    output_dir: Optional[str]
    input: Optional[str] = None
    input_labels: Optional[str] = None
    split: str = "test"
    labels: str = ExplanationOptions.labels
    attribution: AttributionConfig = dataclasses.field(default_factory=AttributionConfig)
    points: Optional[str] = None
    baseline: Optional[str] = None
    epsilon: Optional[float] = None
    features_shown: Optional[int] = None
    against: Optional[str] = None
    certified: Optional[bool] = None
    counterfactual_k: Optional[int] = None
    supporting_points: Optional[int] = None
    top_features: int = 20
    force: bool = False
    settings: InputSettings = ANY_SETTINGS
    text: Optional[Any] = None
    point_range: Optional[str] = None

    def __post_init__(self) -> None:
        given = self._given()
        if self.labels == ALL_LABELS and given:
            raise InputError(
                "labels=all covers all points of a split, from the zero baseline and without a report: "
                f"{next(iter(given))} means nothing there. Leave it out, or ask for labels=top:3."
            )
        if self.point_range is not None:
            PointRange(self.point_range)
            if self.labels != ALL_LABELS:
                raise InputError(
                    "point_range divides the points of labels=all among processes. Choose others by points."
                )
        if self.text is not None:
            self._check_texts()
        elif self.output_dir is None:
            raise InputError("output_dir must be given: the explanations of a file are written there.")
        self._options()

    def run(self) -> Union[WrittenExplanations, LabelDrivers, FinishedRange]:
        """Explains and writes the files; progress goes to stderr.

        Returns:
          What was written, whose `summary()` is a text for people.

        Raises:
          InputError: no dataset or no model there, text that cannot be used, points or labels that do not exist, or
            attributions that do not add up.
        """
        inputs = open_inputs(
            self.dataset_dir,
            self.model_dir,
            self.input,
            self.input_labels,
            self.split,
            self.force,
            self.settings,
            self.text,
        )
        if self.output_dir is None:
            return write_explanations(inputs, self._options(), None)
        written = label_drivers.FILES if self.labels == ALL_LABELS else explanation_run.FILES
        read = [path for path in (self.dataset_dir, self.model_dir, *inputs.paths()) if path is not None]
        outputs.check([os.path.join(self.output_dir, name) for name in written], read)
        if self.labels == ALL_LABELS:
            chosen = None if self.point_range is None else PointRange(self.point_range)
            return write_label_drivers(inputs, self.attribution, self.output_dir, self.top_features, chosen)
        return write_explanations(inputs, self._options(), self.output_dir)

    def _check_texts(self) -> None:
        """Raises InputError for an option that has no effect on given texts."""
        useless = [name for name in _OF_INPUT if getattr(self, name) is not None]
        useless += (
            [] if self.settings == ANY_SETTINGS else ["input_format, text_fields, label_field or label_separator"]
        )
        if useless:
            raise InputError(
                f"text=... is explained in place of a file: {useless[0]} means nothing there. Leave one of them out."
            )
        useless = [name for name in _OF_OUTPUT if getattr(self, name) is not None and self.output_dir is None]
        if useless:
            raise InputError(
                f"Without output_dir there is no report: {useless[0]} means nothing there. Give output_dir."
            )
        if self.labels in (ALL_LABELS, selection.TRUE):
            raise InputError(
                f"labels={self.labels} needs points with labels, and a given text has none. Ask for labels=top:3, or for labels by id, key or name."
            )

    def _given(self) -> dict[str, object]:
        values = {name: getattr(self, name) for name in _OF_POINTS}
        return {name: value for name, value in values.items() if value is not None}

    def _options(self) -> ExplanationOptions:
        given = self._given() if self.text is None else {**self._given(), "points": selection.ALL}
        return ExplanationOptions(labels=self.labels, attribution=self.attribution, **given)  # type: ignore[arg-type]
