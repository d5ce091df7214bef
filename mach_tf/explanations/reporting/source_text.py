"""Where raw points come from: --input, or the text that a split was made from."""

from __future__ import annotations

import os
from typing import Optional

import numpy as np

from mach_tf import files, points
from mach_tf.data import libsvm
from mach_tf.data.libsvm import TextInput
from mach_tf.data.textfile import TextFile
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points


def inputs(
    dataset: DatasetManifest, input_path: Optional[str], labels_path: Optional[str], split: str
) -> list[TextInput]:
    """The text to read, unchanged since preprocessing if it is the split's own.

    Args:
      dataset: the manifest.
      input_path: the value of --input; None for the split's sources.
      labels_path: the value of --input_labels: the labels' file of --input in split form, or None.
      split: whose sources.

    Raises:
      InputError: labels without an input; a source that is gone, changed, or holds more than the split.
    """
    if input_path is not None:
        return [TextInput(input_path, labels_path)]
    if labels_path is not None:
        raise InputError("--input_labels needs --input, the features' file of the split form. Give both.")
    sources = dataset.split(split).sources
    for source in sources:
        if not os.path.isfile(source.path) or files.sha256(source.path) != source.sha256:
            raise InputError(
                f"{source.path}, which the {split} split was made from, is gone or changed; shards hold hashed features only, "
                "so explaining raw ones needs the text: give it with --input."
            )
    found = _paired([source.path for source in sources])
    total = 0
    for each in found:
        with libsvm.TextReader(*each) as reader:
            total += reader.header.points
    if not found or total != dataset.split(split).points:
        raise InputError(
            f"The {split} split holds {dataset.split(split).points} points, the files it was made from {total}: only a part of "
            "them is in it. Give the text to explain with --input."
        )
    return found


def _paired(paths: list[str]) -> list[TextInput]:
    """A split's files as they were read: in split form the header has two numbers, and the labels' file comes next."""
    found, rest = [], iter(paths)
    for path in rest:
        with TextFile(path) as file:
            split_form = len(file.lines(1).split()) == 2
        found.append(TextInput(path, next(rest, None) if split_form else None))
    return found


def read(dataset: DatasetManifest, texts: list[TextInput]) -> Points:
    """All points of the files.

    Raises:
      InputError: text that breaks a rule, or with other features or labels than the dataset's.
    """
    parts = []
    for text in texts:
        header, part = libsvm.read_points(*text)
        check_header(dataset, text.path, header)
        parts.append(part)
    return points.concatenate(parts)


def check_header(dataset: DatasetManifest, path: str, header: libsvm.Header) -> None:
    """Raises InputError unless a text has the dataset's numbers of features and labels."""
    if (header.features, header.labels) != (dataset.features, dataset.labels):
        raise InputError(
            f"{path}, line 1: the header must say {dataset.features} features and {dataset.labels} labels, as the dataset does "
            f"(got {header.features} and {header.labels}). Give text of the same data."
        )


def mean_baseline(directory: str, dataset: DatasetManifest) -> np.ndarray:
    """The mean of the training points' hashed features, float64 [D]."""
    from mach_tf.data import records

    total = np.zeros(dataset.columns)
    for chunk in records.iterate_points(directory, dataset, "train"):
        total += np.bincount(chunk.feature_ids, weights=chunk.feature_values, minlength=dataset.columns)
    return total / max(1, dataset.split("train").points)
