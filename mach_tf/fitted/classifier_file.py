"""classifier.json, which makes a model directory an estimator: its parameters, its classes, the names of its features."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from mach_tf import files
from mach_tf.errors import InputError
from mach_tf.fitted.fitted_labels import FittedLabels
from mach_tf.manifest import KEPT_FILES, MODEL_FILE, RANKER_FILE, REPETITION_NAME, ModelManifest
from mach_tf.sealed_json import seal, unseal

CLASSIFIER_FILE = "classifier.json"
SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class ClassifierFile:
    """The content of classifier.json.

    Attributes:
      parameters: the estimator's parameters by name.
      labels: the classes and the form of the training labels.
      feature_names: the names of the columns of X; None if they have none.
    """

    parameters: Mapping[str, Any]
    labels: FittedLabels
    feature_names: Optional[list[str]] = None

    def write(self, directory: str) -> None:
        """Writes classifier.json; a parameter that JSON cannot hold, such as a random generator, becomes null."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "labels": self.labels.to_json(),
            "feature_names": self.feature_names,
        }
        files.write_json(os.path.join(directory, CLASSIFIER_FILE), seal(content))

    @classmethod
    def read(cls, directory: str, model: ModelManifest, parameters: Mapping[str, Any]) -> ClassifierFile:
        """Reads classifier.json.

        Args:
          directory: a model directory.
          model: its manifest.
          parameters: the parameters that there are, with their defaults.

        Raises:
          InputError: there is no such file, or it is damaged, or it does not belong to the model.
        """
        path = os.path.join(directory, CLASSIFIER_FILE)
        content = files.read_json(path, "estimator; MachClassifier.save writes one")
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{path} must have schema version {SCHEMA_VERSION} (got {version!r}); it was written by another version of mach_tf."
            )
        try:
            labels = FittedLabels.from_json(content["labels"])
            given, names = content["parameters"], content["feature_names"]
            unknown = sorted(set(given) - set(parameters))
            if unknown:
                raise ValueError(f"unknown parameters {', '.join(unknown)}")
            if any(isinstance(value, (list, dict)) for value in given.values()):
                raise ValueError("a parameter must be a number or a text")
            if len(labels.classes) != model.labels:
                raise ValueError(f"it has {len(labels.classes)} classes, the model has {model.labels} labels")
            if names is not None and not (_are_texts(names) and len(names) == model.features):
                raise ValueError(f"feature_names must be {model.features} names")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(
                f"{path} does not fit the schema ({error}); it is damaged: save the estimator again."
            ) from None
        # Last: what the schema says of a wrong field is of more use.
        unseal(content, path, "It is damaged: save the estimator again.")
        return cls(given, labels, names)


def check_free(directory: str, overwrite: bool) -> None:
    """Raises InputError unless an estimator may be saved to `directory`."""
    if not os.path.exists(directory):
        return
    if not os.path.isdir(directory):
        raise InputError(f"{directory} is a file. Give another directory.")
    present = os.listdir(directory)
    if present and CLASSIFIER_FILE not in present:
        raise InputError(
            f"{directory} holds {sorted(present)[0]!r}, which is no saved estimator. Give a new directory."
        )
    foreign = next((name for name in sorted(present) if not _is_saved(directory, name)), None)
    if foreign is not None:
        raise InputError(
            f"{directory} holds {foreign!r}, which `save` did not write and would remove. Give a new directory, or move it away."
        )
    if present and not overwrite:
        raise InputError(f"{directory} holds an estimator already. Give a new directory, or overwrite=True.")


def _is_saved(directory: str, name: str) -> bool:
    """Returns whether a directory's entry is one that `MachClassifier.save` writes."""
    path = os.path.join(directory, name)
    if REPETITION_NAME.fullmatch(name):
        return os.path.isfile(os.path.join(path, "saved_model.pb"))
    return name in (CLASSIFIER_FILE, MODEL_FILE, RANKER_FILE, *KEPT_FILES) and os.path.isfile(path)


def _plain(value: Any) -> Any:
    """Returns the value as JSON can hold it; None if it cannot."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return value if isinstance(value, (bool, int, float, str)) else None


def _are_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
