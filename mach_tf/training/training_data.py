"""The dataset that is to be trained on."""

from __future__ import annotations

from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest


def read_dataset(dataset_dir: str) -> DatasetManifest:
    """Reads a dataset's manifest.

    Args:
      dataset_dir: a dataset directory.

    Raises:
      InputError: it is none, or its train split has no points.
    """
    dataset = DatasetManifest.read(dataset_dir)
    if not dataset.split("train").points:
        raise InputError(f"{dataset_dir}: the train split must have points (got 0); preprocess other input.")
    return dataset
