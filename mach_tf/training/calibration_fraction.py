"""The fraction of the training points that half of the repetitions do not learn from, where there is no validation split to calibrate on."""

from __future__ import annotations

import dataclasses
import os
from typing import Optional

from mach_tf.data.incomplete_points import Incomplete
from mach_tf.errors import InputError
from mach_tf.manifest import MODEL_FILE, DatasetManifest, ModelManifest
from mach_tf.training_config import TrainingConfig

SPLIT = "valid"
_FRACTION = 0.1
# More points hardly change what is fitted.
_MOST_POINTS = 4000
# A tenth of fewer points says little of probabilities.
_FEWEST_POINTS = 1000
# Half of fewer repetitions has another line than all of them.
_FEWEST_REPETITIONS = 4


def has_split(dataset: DatasetManifest) -> bool:
    """Returns whether there is a validation split, with labels and features."""
    if SPLIT not in dataset.splits:
        return False
    found = Incomplete.of_split(dataset.split(SPLIT))
    return max(found.without_labels, found.without_features) < found.points


def choose(
    config: TrainingConfig,
    dataset: DatasetManifest,
    model_dir: str,
    repetitions: int,
    calibrate: Optional[bool],
    given: Optional[float],
) -> TrainingConfig:
    """Returns the settings with the fraction that is given, or that of the model that is resumed, or that of the rule for a new one.

    Args:
      config: the settings.
      dataset: the manifest of the dataset.
      model_dir: the model directory, which may not exist yet.
      repetitions: R.
      calibrate: whether to calibrate; None if that is possible.
      given: the fraction; None if it was not given.

    Raises:
      InputError: a fraction is given beside a validation split, which is calibrated on.
    """
    if given and has_split(dataset):
        raise InputError(
            f"calibration_fraction must be 0 for a dataset with a {SPLIT} split, on which probabilities are calibrated (got {given!r}). Leave it out."
        )
    if given is None and os.path.exists(os.path.join(model_dir, MODEL_FILE)):
        given = ModelManifest.read(model_dir).training.calibration_fraction
    if given is None:
        given = _by_rule(dataset, repetitions) if calibrate is not False else 0.0
    return dataclasses.replace(config, calibration_fraction=given)


def _by_rule(dataset: DatasetManifest, repetitions: int) -> float:
    points = dataset.split("train").points
    if has_split(dataset) or repetitions < _FEWEST_REPETITIONS or points < _FEWEST_POINTS:
        return 0.0
    return min(_FRACTION, _MOST_POINTS / points)
