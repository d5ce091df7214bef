"""The dataset that is to be trained on: read, and looked over for what is unusual."""

from __future__ import annotations

from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from mach_tf.sizing.recommendation import is_for_few_labels


def read_dataset(dataset_dir: str) -> DatasetManifest:
    """Returns the manifest of a dataset to train on; arguments and errors as of `open_dataset`."""
    return open_dataset(dataset_dir).manifest


def open_dataset(dataset_dir: str) -> DatasetReader:
    """Opens a dataset to train on.

    Args:
      dataset_dir: a dataset directory.

    Raises:
      InputError: `dataset_dir` is no dataset directory, or its train split has no points, or none with labels or none with features.
    """
    data = DatasetReader.open(dataset_dir)
    if not data.manifest.split("train").points:
        raise InputError(f"{dataset_dir}: the train split must have points (got 0); preprocess other input.")
    Incomplete.of_split(data.manifest.split("train")).check("of the train split")
    return data


def unusual(dataset_dir: str, dataset: DatasetManifest, buckets: int, batch_size: int) -> list[str]:
    """Returns a sentence about each thing that is unusual, but can be trained.

    Args:
      dataset_dir: the dataset directory.
      dataset: its manifest.
      buckets: B.
      batch_size: points per step.
    """
    found, points = [], dataset.split("train").points
    if batch_size > points:
        found.append(f"batch_size={batch_size} is larger than the data: each epoch is one batch of {points}.")
    if buckets > dataset.labels and not is_for_few_labels(buckets, dataset.labels):
        found.append(
            f"buckets={buckets} exceeds the {dataset.labels} labels: at least {buckets - dataset.labels} buckets of each "
            "repetition stay empty."
        )
    unseen = int((dataset.label_counts(dataset_dir) == 0).sum())
    if unseen:
        found.append(
            f"{unseen} of {dataset.labels} labels have no training point; they get the scores of other labels in their buckets."
        )
    found += Incomplete.of_split(dataset.split("train")).sentences("of the train split")
    return found
