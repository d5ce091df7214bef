"""Where raw points come from: --input, or the text that a split was made from."""

from __future__ import annotations

import os
from typing import Optional

import numpy as np

from mach_tf import files, libsvm, points
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points


def source_paths(dataset: DatasetManifest, input_path: Optional[str], split: str) -> list[str]:
    """The text files to read, unchanged since preprocessing if they are the split's own.

    Args:
      dataset: the manifest.
      input_path: the value of --input; None for the split's sources.
      split: whose.

    Raises:
      InputError: a source that is gone, changed, or holds more than the split.
    """
    if input_path is not None:
        return [input_path]
    paths, total = [], 0
    for source in dataset.split(split).sources:
        if not os.path.isfile(source.path) or files.sha256(source.path) != source.sha256:
            raise InputError(
                f"{source.path}, which the {split} split was made from, is gone or changed; shards hold hashed features only, "
                "so explaining raw ones needs the text: give it with --input."
            )
        with libsvm.TextReader(source.path) as reader:
            total += reader.header.points
        paths.append(source.path)
    if not paths or total != dataset.split(split).points:
        raise InputError(
            f"The {split} split holds {dataset.split(split).points} points, the files it was made from {total}: only a part of "
            "them is in it. Give the text to explain with --input."
        )
    return paths


def read(dataset: DatasetManifest, paths: list[str]) -> Points:
    """All points of the files.

    Raises:
      InputError: text that breaks a rule, or with other features or labels than the dataset's.
    """
    parts = []
    for path in paths:
        header, part = libsvm.read_points(path)
        check_header(dataset, path, header)
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
    from mach_tf import records

    total = np.zeros(dataset.columns)
    for chunk in records.iterate_points(directory, dataset, "train"):
        total += np.bincount(chunk.feature_ids, weights=chunk.feature_values, minlength=dataset.columns)
    return total / max(1, dataset.split("train").points)
