"""Whether a model can be used with a dataset: sizes and hashing must agree, and ids must mean the same in both."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Optional

from mach_tf.errors import InputError
from mach_tf.manifest import FEATURE_NAMES_FILE, LABEL_NAMES_FILE, DatasetManifest, ModelManifest


def check_dataset(
    model: ModelManifest, dataset: DatasetManifest, model_dir: str, dataset_dir: str, force: bool = False
) -> None:
    """Checks that a model can be used with a dataset, and warns if it is not the one that the model was trained on.

    Args:
      model: the model's manifest.
      dataset: the dataset's manifest.
      model_dir, dataset_dir: where they are, for messages.
      force: whether other label names are a warning too.

    Raises:
      InputError: other features, labels or hashing than the model's, or other label names without `force`.
    """
    check_same_features(model, dataset, model_dir)
    others = other_names(model.names_sha256, dataset.names_sha256)
    if dataset.fingerprint != model.dataset_fingerprint:
        same = LABEL_NAMES_FILE in model.names_sha256 and LABEL_NAMES_FILE in dataset.names_sha256 and not others
        ids = "" if same else " Its ids of features and labels must mean the same."
        warnings.warn(
            f"{dataset_dir} is another dataset than the one that {model_dir} was trained on (their fingerprints differ).{ids}",
            stacklevel=2,
        )
    if FEATURE_NAMES_FILE in others:
        warnings.warn(
            f"The feature names of {dataset_dir} are not those that {model_dir} was trained with. Check that feature ids mean "
            "the same in both.",
            stacklevel=2,
        )
    if LABEL_NAMES_FILE in others:
        problem = f"The label names of {dataset_dir} are not those that {model_dir} was trained with"
        if not force:
            raise InputError(
                f"{problem}, so that label ids may mean other labels. Give a dataset with the same label names in the same order, "
                "or force=True if they differ in spelling only."
            )
        warnings.warn(f"{problem}; label ids are taken to mean the same.", stacklevel=2)


def check_same_features(model: ModelManifest, dataset: DatasetManifest, model_dir: Optional[str] = None) -> None:
    """Raises InputError unless the model can take the points of the dataset; the message names `model_dir` if given."""
    named = f"the model{f' in {model_dir}' if model_dir else ''}"
    for name in ("features", "labels", "feature_spec"):
        ours, theirs = getattr(model, name), getattr(dataset, name)
        if ours != theirs:
            raise InputError(
                f"The dataset must have the {name} that {named} was trained with, {ours} (got {theirs}). "
                "Preprocess it with the model's settings, or give the dataset that the model was trained on."
            )


def other_names(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Returns which files of names differ, FEATURE_NAMES_FILE or LABEL_NAMES_FILE; what only one of two has is not compared.

    Args:
      ours, theirs: the SHA-256 of each file of names, as manifests hold them.
    """
    both = [file for file in (FEATURE_NAMES_FILE, LABEL_NAMES_FILE) if file in ours and file in theirs]
    return [file for file in both if ours[file] != theirs[file]]
