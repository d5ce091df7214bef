"""Predicts the labels of points in a text file, block by block."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from typing import Any, Optional

from mach_tf import arguments, estimators, files, outputs, prediction_format
from mach_tf.data import libsvm
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.libsvm import TextReader
from mach_tf.decoding.restriction import RestrictedDecoder
from mach_tf.errors import InputError
from mach_tf.manifest import LABEL_NAMES_FILE
from mach_tf.network import Network
from mach_tf.progress_bars import Bar
from mach_tf.top_labels import PROBABILITY, check_probability, check_scale, top_labels


@dataclasses.dataclass(frozen=True)
class FilePrediction:
    """The result of predicting a text file.

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
    """What is predicted of each point, and how it is written.

    Attributes:
      k: number of labels per point, in [1, K].
      estimator: which estimator makes the scores.
      scores: "probability" or "logit", as of `Ensemble.predict`.
      min_probability: leaves out labels with a lower probability, in [0, 1]; None leaves out none.
      only_labels: chooses from these labels only, exactly: the path of a file with one label per line, a text such as "3,17", or
        a list; ids, or names if there are `label_names`. None for all labels.
      format: "text", the Extreme Classification Repository's format of score matrices: a first line `points labels`, then one
        line per point, `label:score label:score ...`, best first; or "jsonl", one JSON object per point, such as
        `{"point": 0, "labels": [{"label": 3, "name": "cat", "probability": 0.9}]}`.
      label_names: file with the names of the labels, one per line; JSON Lines have them, and `only_labels` may.
      force: whether to take label names that are not those of the training data.

    Raises:
      InputError: a value out of its range, or one that has no effect.
    """

    k: int = 5
    estimator: str = estimators.DEFAULT_ESTIMATOR
    scores: str = PROBABILITY
    min_probability: Optional[float] = None
    only_labels: Any = None
    format: str = prediction_format.TEXT
    label_names: Optional[str] = None
    force: bool = False

    def __post_init__(self) -> None:
        check_scale(self.scores)
        check_probability(self.min_probability)
        prediction_format.check_format(self.format)
        arguments.switch(self.force, "force")
        if self.label_names is not None:
            arguments.path(self.label_names, "label_names")
        if self.label_names is not None and self.format == prediction_format.TEXT and self.only_labels is None:
            raise InputError(
                "label_names has no effect on score matrices, which have no names. Give it with format='jsonl', or with only_labels."
            )
        if self.force and self.label_names is None:
            raise InputError(
                "force must come with label_names, which it lets differ from the training data's. Leave it out."
            )


def predict_file(network: Network, input_path: str, output_path: str, **options: Any) -> FilePrediction:
    """Writes the top k labels of the points in a text file, and their scores; progress goes to stderr.

    The memory used does not grow with the file, and the output appears only when it is complete.

    Args:
      network: the model.
      input_path: text in the repository's format, plain or compressed, with or without labels, or the split form's file of
        features; it may be a pipe.
      output_path: the file to write, in an existing folder.
      **options: attributes of PredictionOptions.

    Raises:
      InputError: k exceeds K, no folder for the output, features that the model does not have, labels that do not exist, or a
        line that breaks a rule of the format.
    """
    chosen = PredictionOptions(**options)
    k, estimator = arguments.whole_number(chosen.k, "k", 1, network.labels), chosen.estimator
    folder = os.path.dirname(output_path)
    if folder and not os.path.isdir(folder):
        raise InputError(f"output_path must be a file in an existing folder (got {output_path}); make {folder} first.")
    chosen_file = os.fspath(chosen.only_labels) if isinstance(chosen.only_labels, (str, os.PathLike)) else None
    outputs.check([output_path], [input_path, network.model_dir, chosen.label_names, chosen_file])
    names = None if chosen.label_names is None else _read_names(network, chosen.label_names, chosen.force)
    among = None if chosen.only_labels is None else network.among(chosen.only_labels, names)
    with TextReader(input_path, labels_optional=True) as reader:
        if reader.header.features != network.manifest.features:
            raise InputError(
                f"{input_path}, line 1: the model was trained on {network.manifest.features} raw features, the file has "
                f"{reader.header.features}. Give points with the features of the model's training text."
            )
        counted = _predict_blocks(network, reader, input_path, output_path, chosen, among, names)
    counted.warn(f"of {input_path}")
    return FilePrediction(output_path, reader.points, network.labels, k, estimator)


def _predict_blocks(
    network: Network,
    reader: TextReader,
    input_path: str,
    output_path: str,
    options: PredictionOptions,
    among: Optional[RestrictedDecoder],
    names: Optional[Sequence[str]],
) -> Incomplete:
    """Returns how many points lack features, once the predictions are written."""
    buckets, counted = network.manifest.bucket_spec.buckets, Incomplete(0, 0, 0)
    with (
        files.atomic_write(output_path) as output,
        Bar("predict", reader.header.points, "point") as bar,
    ):
        output.write(prediction_format.header(options.format, reader.header.points, network.labels))
        for block in reader.blocks():
            raw = libsvm.parse(block).faultless()
            counted = counted.plus(Incomplete.of(raw, labels=False))
            found = network.decode(network.hash_points(raw), options.k, options.estimator, only_labels=among)
            top = top_labels(
                found.labels, found.scores, options.estimator, buckets, options.scores, options.min_probability
            )
            output.write(prediction_format.lines(options.format, top, block.first_point, options.scores, names))
            bar.update(len(raw))
        reader.finish()
        counted.check(f"of {input_path}")
    return counted


def _read_names(network: Network, path: str, force: bool) -> list[str]:
    """Reads the names of the model's labels; InputError if the model was trained with others."""
    names = files.read_names(path, network.labels, "labels")
    trained = network.manifest.names_sha256.get(LABEL_NAMES_FILE)
    ours = hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()
    if trained not in (None, ours) and not force:
        raise InputError(
            f"label_names must be the names that {network.model_dir} was trained with, in their order (those of {path} are others). "
            "Give the training data's file, or force=True if the names differ in spelling only."
        )
    return names
