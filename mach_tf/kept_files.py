"""The files that a model directory keeps of its dataset: with them it predicts by name wherever the dataset is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Optional

import numpy as np

from mach_tf import files
from mach_tf.array_files import read_array
from mach_tf.errors import InputError
from mach_tf.manifest import (
    DOCUMENT_FREQUENCIES_FILE,
    FEATURE_NAMES_FILE,
    LABEL_COUNTS_FILE,
    LABEL_KEYS_FILE,
    LABEL_NAMES_FILE,
    MODEL_FILE,
    DatasetManifest,
    ModelManifest,
)

_REMEDY = "Copy it again, or run the training's command again, which copies it from the dataset."


def of_dataset(dataset_dir: str, dataset: DatasetManifest) -> dict[str, str]:
    """Returns the SHA-256 of each file that models of a dataset keep, by name.

    Args:
      dataset_dir: the dataset directory.
      dataset: its manifest.
    """
    names = [LABEL_NAMES_FILE] if dataset.label_names else []
    names += [LABEL_KEYS_FILE] if LABEL_KEYS_FILE in dataset.names_sha256 else []
    # Feature names are of use only with the texts that features are made of.
    names += [FEATURE_NAMES_FILE] if dataset.text else []
    # A dataset of an earlier version has names without their hashes.
    kept = {name: dataset.names_sha256.get(name) or files.sha256(os.path.join(dataset_dir, name)) for name in names}
    kept[LABEL_COUNTS_FILE] = dataset.label_counts_sha256
    return {**kept, **({DOCUMENT_FREQUENCIES_FILE: dataset.text.document_frequencies_sha256} if dataset.text else {})}


def added(earlier: ModelManifest, model: ModelManifest) -> dict[str, str]:
    """Returns the files that a training in an existing model directory adds: those that its first run knew and did not keep.

    The frequencies of labels are in the fingerprint of the dataset, which both have in common.

    Args:
      earlier: what model.json holds.
      model: the manifest of the training.
    """
    return {
        name: digest
        for name, digest in model.files_sha256.items()
        if name not in earlier.files_sha256 and (name == LABEL_COUNTS_FILE or earlier.names_sha256.get(name) == digest)
    }


def copy(dataset_dir: str, model_dir: str) -> None:
    """Copies the files that model.json names from the dataset, except for those that the model directory holds as they should be.

    Args:
      dataset_dir: the dataset directory.
      model_dir: the model directory, with its model.json.

    Raises:
      InputError: the dataset has another file than model.json names, and so has the model directory.
    """
    model = ModelManifest.read(model_dir)
    for name, digest in model.files_sha256.items():
        if file_problem(model_dir, name, digest):
            source = os.path.join(dataset_dir, name)
            if os.path.isfile(source) and files.sha256(source) == digest:
                with open(source, "rb") as file, files.atomic_write(os.path.join(model_dir, name)) as output:
                    output.write(file.read())
    check(model_dir, model)


def problems(model_dir: str, model: ModelManifest) -> Iterator[str]:
    """Yields a sentence for each file that is missing or altered.

    Args:
      model_dir: the model directory.
      model: its manifest.
    """
    for name, digest in model.files_sha256.items():
        if problem := file_problem(model_dir, name, digest):
            yield f"{problem}. {_REMEDY}"


def check(model_dir: str, model: ModelManifest) -> None:
    """Raises InputError for the first of `problems`."""
    for problem in problems(model_dir, model):
        raise InputError(problem)


def read_label_names(model_dir: str, model: ModelManifest) -> Optional[list[str]]:
    """Returns the names of the labels; None if the model directory keeps none."""
    return _read_lines(model_dir, model, LABEL_NAMES_FILE)


def read_label_keys(model_dir: str, model: ModelManifest) -> Optional[list[str]]:
    """Returns the keys of the labels, by which the training data named them; None if they are the names, or if there are none."""
    return _read_lines(model_dir, model, LABEL_KEYS_FILE)


def read_label_counts(model_dir: str, model: ModelManifest) -> Optional[np.ndarray]:
    """Returns the training frequencies of the labels, int64 [K]; None if the model directory does not keep them.

    Raises:
      InputError: the file is missing or altered, or holds numbers that no training data have.
    """
    points = model.training_points
    path = _checked_path(model_dir, model, LABEL_COUNTS_FILE) if points else None
    if path is None:
        return None
    content = f"the frequencies of {model.labels} labels, from 0 to {points}"
    counts = read_array(path, (model.labels,), np.int64, content, _REMEDY)
    if len(counts) and not 0 <= counts.min() <= counts.max() <= points:
        raise InputError(
            f"{path} must hold {content}, the number of training points (got {counts.min()} to {counts.max()}). {_REMEDY}"
        )
    return counts


def read_given_names(path: str, model_dir: str, model: ModelManifest, name: str, force: bool = False) -> list[str]:
    """Returns the names in a file that a user gives in place of those in the model directory.

    Args:
      path: the user's file, one name per line.
      model_dir: the model directory.
      model: its manifest.
      name: LABEL_NAMES_FILE or FEATURE_NAMES_FILE: what the names are of.
      force: takes names other than those of the training data.

    Raises:
      InputError: the model was trained with other names, or there are too few or too many of them.
    """
    argument, count = os.path.splitext(name)[0], model.features if name == FEATURE_NAMES_FILE else model.labels
    names = files.read_names(path, count, argument.partition("_")[0] + "s")
    trained = model.names_sha256.get(name)
    ours = hashlib.sha256("".join(f"{each}\n" for each in names).encode()).hexdigest()
    if trained not in (None, ours) and not force:
        raise InputError(
            f"{argument} must be the names that {model_dir} was trained with, in their order (those of {path} are others). "
            "Give the training data's file, or force=True if the names differ in spelling only."
        )
    return names


def file_problem(model_dir: str, name: str, digest: str) -> str:
    """Returns what is wrong with a file that model.json names, without its remedy; an empty text for nothing.

    Args:
      model_dir: the model directory.
      name: the file.
      digest: its SHA-256 according to model.json.
    """
    path = os.path.join(model_dir, name)
    if not os.path.isfile(path):
        return f"{path} is missing, though {MODEL_FILE} names it"
    if files.sha256(path) != digest:
        return f"{path} is not the file that {MODEL_FILE} describes"
    return ""


def _read_lines(model_dir: str, model: ModelManifest, name: str) -> Optional[list[str]]:
    path = _checked_path(model_dir, model, name)
    return None if path is None else files.read_names(path, model.labels, "labels")


def _checked_path(model_dir: str, model: ModelManifest, name: str) -> Optional[str]:
    """Returns the path of a file, None if the model directory keeps none; raises InputError if it is missing or altered."""
    if name not in model.files_sha256:
        return None
    if problem := file_problem(model_dir, name, model.files_sha256[name]):
        raise InputError(f"{problem}. {_REMEDY}")
    return os.path.join(model_dir, name)
