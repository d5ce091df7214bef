"""The texts that the points of a split were made from, which attacks on words change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from mach_tf.attacks.gradient_attacks import Attack
from mach_tf.errors import InputError
from mach_tf.explanations.reporting.explanation_inputs import open_inputs
from mach_tf.explanations.reporting.point_files import Row
from mach_tf.explanations.reporting.source_text import is_part
from mach_tf.manifest import DatasetManifest
from mach_tf.network import Network
from mach_tf.points import Points

_FEATURES = ("row_splits", "feature_ids", "feature_values")


def texts_to_attack(
    network: Network, attacks: Sequence[Attack], dataset_dir: str, split: str, points: Points
) -> Optional[list[Row]]:
    """Returns the texts of points; None if no attack changes words, or the model was not trained on texts.

    Args:
      network: the model.
      attacks: the attacks.
      dataset_dir, split: where the points are from.
      points: the first hashed points of the split.

    Raises:
      InputError: the files that the split was made from are gone or changed, or make other points.
    """
    if network.manifest.text is None or not any(attack.of_words for attack in attacks):
        return None
    if is_part(DatasetManifest.read(dataset_dir), split):
        raise InputError(
            f"Attacks on words need the texts of the {split} split, which holds only a part of the points of the training files. "
            "Attack another split, or preprocess again with a file of its own for this one."
        )
    found = open_inputs(dataset_dir, network.model_dir, split=split, force=True).read()
    rows = (found.texts or [])[: len(points)]
    if len(rows) == len(points):
        made = network.manifest.feature_spec.apply(found.points[: len(rows)])
        if all(np.array_equal(getattr(made, name), getattr(points, name)) for name in _FEATURES):
            return rows
    raise InputError(
        f"Attacks on words need the texts of the {split} split, but the files that it was made from make other points than {dataset_dir} "
        "holds. Preprocess again, with all points of these files in this split."
    )
