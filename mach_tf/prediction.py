"""Predicts the labels of points in a text file, block by block."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from mach_tf import estimators, files
from mach_tf.data import libsvm
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.data.libsvm import TextReader
from mach_tf.errors import InputError
from mach_tf.network import Network
from mach_tf.progress_bars import Bar
from mach_tf.top_labels import PROBABILITY, check_scale, top_labels


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


def predict_file(
    network: Network,
    input_path: str,
    output_path: str,
    k: int = 5,
    estimator: str = estimators.DEFAULT_ESTIMATOR,
    scores: str = PROBABILITY,
) -> FilePrediction:
    """Writes the top k labels of the points in a text file, and their scores; progress goes to stderr.

    The output has the Extreme Classification Repository's format of score matrices: a first line `points labels`, then one
    line per point, `label:score label:score ...`, best first. The memory used does not grow with the file, and the output
    appears only when it is complete.

    Args:
      network: the model.
      input_path: text in the repository's format, plain or compressed, with or without labels, or the split form's file of
        features; it may be a pipe.
      output_path: the file to write, in an existing folder.
      k: number of labels per point, in [1, K].
      estimator: which estimator makes the scores.
      scores: "probability" or "logit", as of `Ensemble.predict`.

    Raises:
      InputError: k exceeds K, no folder for the output, features that the model does not have, or a line that breaks a rule
        of the format.
    """
    check_scale(scores)
    if not 1 <= k <= network.labels:
        raise InputError(f"k must not exceed the model's {network.labels} labels, and be at least 1 (got {k}).")
    folder = os.path.dirname(output_path)
    if folder and not os.path.isdir(folder):
        raise InputError(f"output_path must be a file in an existing folder (got {output_path}); make {folder} first.")
    with TextReader(input_path, labels_optional=True) as reader:
        if reader.header.features != network.manifest.features:
            raise InputError(
                f"{input_path}, line 1: the model was trained on {network.manifest.features} raw features, the file has "
                f"{reader.header.features}. Give points with the features of the model's training text."
            )
        counted = _predict_blocks(network, reader, input_path, output_path, k, estimator, scores)
    counted.warn(f"of {input_path}")
    return FilePrediction(output_path, reader.points, network.labels, k, estimator)


def _predict_blocks(
    network: Network, reader: TextReader, input_path: str, output_path: str, k: int, estimator: str, scale: str
) -> Incomplete:
    """Returns how many points lack features, once the predictions are written."""
    buckets, counted = network.manifest.bucket_spec.buckets, Incomplete(0, 0, 0)
    with (
        files.atomic_write(output_path) as output,
        Bar("predict", reader.header.points, "point") as bar,
    ):
        output.write(f"{reader.header.points} {network.labels}\n".encode())
        for block in reader.blocks():
            raw = libsvm.parse(block).faultless()
            counted = counted.plus(Incomplete.of(raw, labels=False))
            found = network.decode(network.hash_points(raw), k, estimator)
            output.write(_lines(*top_labels(found.labels, found.scores, estimator, buckets, scale)))
            bar.update(len(raw))
        reader.finish()
        counted.check(f"of {input_path}")
    return counted


def _lines(labels: np.ndarray, scores: np.ndarray) -> bytes:
    # 9 digits distinguish any two float32.
    rows = zip(labels.tolist(), scores.tolist())
    return b"".join(" ".join(f"{a}:{b:.9g}" for a, b in zip(*row)).encode() + b"\n" for row in rows)
