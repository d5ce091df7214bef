"""From features and labels in memory to a stored model, in one call."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Mapping
from typing import Any, Union

import scipy.sparse

from mach_tf.choices import AUTO
from mach_tf.data.matrices import write_dataset
from mach_tf.fitted.stored_model import StoredModel, temporary_directory
from mach_tf.hashing import FeatureSpec
from mach_tf.training.fit import fit

_CHECKPOINT_MINUTES = 10.0


def feature_spec(features: int, dim: Union[int, str], norm: str) -> FeatureSpec:
    """Returns how features are hashed and normalised.

    Args:
      features: the number of raw features.
      dim: the number of hashed features, 0 for raw ids; "auto" for the default for that many raw features.
      norm: "l2" or "none".
    """
    if dim == AUTO:
        return dataclasses.replace(FeatureSpec.for_features(features), norm=norm)
    return FeatureSpec(int(dim), norm=norm)


def train(
    features: scipy.sparse.csr_matrix,
    labels: scipy.sparse.csr_matrix,
    spec: FeatureSpec,
    model_dir: Union[str, os.PathLike[str], None],
    settings: Mapping[str, Any],
) -> StoredModel:
    """Trains a model.

    Args:
      features: CSR [n, features].
      labels: CSR of ones [n, K].
      spec: how features are hashed and normalised.
      model_dir: a new directory; None for a temporary one that lives as long as the result. A training that was stopped goes on
        there if data and settings are the same.
      settings: keywords of `mach_tf.fit`.

    Raises:
      InputError: what cannot be trained, or `model_dir` holds another training.
    """
    ranker = settings.get("ranker") is not False
    if model_dir is None:
        stored = StoredModel(temporary_directory(), temporary=True, ranker=ranker)
        # Nobody looks into a temporary directory, or goes on from what was stopped there.
        options: dict[str, Any] = {"checkpoint_minutes": None, "curves": False}
    else:
        stored = StoredModel(os.path.abspath(model_dir), ranker=ranker)
        options = {"checkpoint_minutes": _CHECKPOINT_MINUTES}
    with tempfile.TemporaryDirectory(prefix="mach_tf-") as scratch:
        dataset_dir = os.path.join(scratch, "dataset")
        write_dataset(features, labels, dataset_dir, spec=spec)
        try:
            fit(dataset_dir, stored.directory, **options, **settings)
        except KeyboardInterrupt:
            if model_dir is not None:
                raise
            raise KeyboardInterrupt("Training stopped. Nothing is kept, because model_dir is None.") from None
    return stored
