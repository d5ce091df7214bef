"""Predicts the labels of the points in a file, block by block."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from typing import Any, Optional, Union

from mach_tf import arguments, estimators, kept_files, objectives, outputs, prediction_format
from mach_tf.choices import AUTO, BAD_LINE_ACTIONS
from mach_tf.errors import InputError
from mach_tf.label_titles import LabelTitles
from mach_tf.manifest import LABEL_NAMES_FILE
from mach_tf.name_scores import check_name_weight, name_score
from mach_tf.network import Network
from mach_tf.prediction_input import open_input
from mach_tf.prediction_writer import PredictionWriter
from mach_tf.top_labels import PROBABILITY, check_probability, check_scale


@dataclasses.dataclass(frozen=True)
class FilePrediction:
    """The result of predicting a file.

    Attributes:
      path: the file with the predictions.
      points: number of points predicted.
      labels: K, the number of labels of the model.
      k: number of labels predicted per point.
      estimator: which estimator made the scores.
    """

    path: str
    points: int
    labels: int
    k: int
    estimator: str

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes by name."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return f"{self.points} points predicted: {self.path}"


@dataclasses.dataclass(frozen=True)
class PredictionOptions:
    """What is predicted of each point, and how it is read and written.

    Attributes:
      k: number of labels per point, in [1, K].
      estimator: which estimator makes the scores.
      scores: "probability" or "logit", as of `Ensemble.predict`.
      min_probability: leaves out labels with a lower probability, in [0, 1]; None leaves out none.
      only_labels: chooses from these labels only, exactly: the path of a file with one label per line, a text such as "3,17", or
        a list; ids, or names and keys if there are any. None for all labels.
      format: "text", the Extreme Classification Repository's format of score matrices: a first line `points labels`, then one
        line per point, `label:score label:score ...`, best first; "jsonl", one JSON object per point, such as
        `{"point": 0, "labels": [{"label": 3, "name": "cat", "probability": 0.9}]}`; or "tsv", a table with a header and one row per
        label: point, label, key, name and score. None for the format that the output's name says, .jsonl or .tsv, or else "text".
      objective: the metric that labels are ranked for, as of `Ensemble.predict`; "psp" not with the format "text", whose readers rank by
        scores.
      name_weight: adds this weight times the tf-idf cosine of a text and a label's name to each label score, as of
        `Ensemble.predict_text`; 0 adds nothing.
      label_names: file with the names of the labels, one per line, in place of those that the model has.
      force: whether to take label names that are not those of the training data.
      input_format: one of choices.INPUT_FORMATS: a bag of words ("bow"), or for a model of texts one of the others; "auto"
        recognises it.
      text_fields: the fields with texts, one or several; by default those that the model was trained with.
      on_bad_line: "raise" refuses a file with a line that breaks a rule; "skip" predicts nothing for such lines, which keep their
        place in the output, and warns of them.

    Raises:
      InputError: a value out of its range, or one that has no effect.
    """

    k: int = 5
    estimator: str = estimators.DEFAULT_ESTIMATOR
    scores: str = PROBABILITY
    min_probability: Optional[float] = None
    only_labels: Any = None
    objective: str = objectives.PRECISION
    name_weight: float = 0.0
    format: Optional[str] = None
    label_names: Optional[str] = None
    force: bool = False
    input_format: str = AUTO
    text_fields: Union[str, Sequence[str]] = ()
    on_bad_line: str = BAD_LINE_ACTIONS[0]

    def __post_init__(self) -> None:
        check_scale(self.scores)
        check_probability(self.min_probability)
        prediction_format.chosen(self.format)
        arguments.switch(self.force, "force")
        check_name_weight(self.name_weight)
        objectives.check(self.objective, self.estimator)
        arguments.choice(self.on_bad_line, "on_bad_line", BAD_LINE_ACTIONS)
        if self.label_names is not None:
            arguments.path(self.label_names, "label_names")
        if self.force and self.label_names is None:
            raise InputError(
                "force must come with label_names, which it lets differ from the training data's. Leave it out."
            )


def predict_file(network: Network, input_path: str, output_path: str, **options: Any) -> FilePrediction:
    """Writes the top k labels of the points in a file, and their scores; progress goes to stderr.

    The memory used does not grow with the file, and the output appears only when it is complete.

    Args:
      network: the model.
      input_path: text in the repository's format, or the split form's file of features; for a model of texts also any format of texts
        that preprocessing reads. Plain or compressed, with or without labels; it may be a pipe.
      output_path: the file to write, in an existing folder.
      **options: attributes of PredictionOptions.

    Raises:
      InputError: k exceeds K, no folder for the output, features that the model does not have, labels that do not exist, texts
        for a model of bags of words, or a line that breaks a rule of the format.
    """
    chosen = PredictionOptions(**options)
    format = prediction_format.chosen(chosen.format, output_path)
    k, estimator = arguments.whole_number(chosen.k, "k", 1, network.labels), chosen.estimator
    if (
        chosen.label_names is not None
        and format == prediction_format.TEXT
        and chosen.only_labels is None
        and not chosen.name_weight
    ):
        raise InputError(
            "label_names has no effect on score matrices, which have no names. Give it with format='jsonl', or with only_labels or name_weight."
        )
    if chosen.objective != objectives.PRECISION and format == prediction_format.TEXT:
        raise InputError(
            f"objective={chosen.objective} needs format='jsonl' or format='tsv', which keep the order of labels (got score matrices, whose readers "
            "rank by the scores). Name the output .jsonl or .tsv."
        )
    folder = os.path.dirname(output_path)
    if folder and not os.path.isdir(folder):
        raise InputError(f"output_path must be a file in an existing folder (got {output_path}); make {folder} first.")
    chosen_file = os.fspath(chosen.only_labels) if isinstance(chosen.only_labels, (str, os.PathLike)) else None
    outputs.check([output_path], [input_path, network.model_dir, chosen.label_names, chosen_file])
    titles = _titles(network, chosen.label_names, chosen.force)
    decoder = objectives.decoder_for(network, chosen.objective, chosen.only_labels, titles)
    writer = PredictionWriter(
        network,
        k,
        estimator,
        chosen.scores,
        chosen.min_probability,
        decoder,
        format,
        titles,
        chosen.on_bad_line == "skip",
        name_score(network, chosen.name_weight, titles),
    )
    with open_input(network, input_path, chosen.input_format, chosen.text_fields) as points:
        writer.write(points, input_path, output_path)
    if writer.of_texts:
        writer.incomplete.warn_of_texts(f"of {input_path}")
    else:
        writer.incomplete.warn(f"of {input_path}")
    if sentence := writer.bad_lines_sentence(input_path):
        warnings.warn(sentence, stacklevel=2)
    return FilePrediction(output_path, writer.points, network.labels, k, estimator)


def _titles(network: Network, path: Optional[str], force: bool) -> LabelTitles:
    """Returns the names and keys of the labels, with the names of a file if there is one.

    Raises:
      InputError: the model was trained with other names.
    """
    if path is None:
        return network.label_titles
    names = kept_files.read_given_names(path, network.model_dir, network.manifest, LABEL_NAMES_FILE, force)
    return LabelTitles(names, network.label_keys)
