"""The baseline at which paths begin: zero, the mean of the training points, or one point of the input."""

from __future__ import annotations

import re
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.explanations.explainer import Baseline
from mach_tf.points import Points


def find_baseline(text: str, points: Points, data: Optional[DatasetReader]) -> Baseline:
    """Returns the baseline that a text names.

    Args:
      text: "zero", "mean" or "point:ID".
      points: the whole input, which ID counts in.
      data: the dataset whose training points have the mean; None if there is none.

    Raises:
      InputError: any other text, or "mean" without a dataset.
    """
    point = parse_baseline(text, len(points))
    if point is not None:
        return points[point : point + 1]
    if text == "mean":
        if data is None:
            raise InputError(
                "baseline=mean is the mean of the training points, which the dataset has. Give dataset_dir."
            )
        return scipy.sparse.csr_matrix(mean_baseline(data)[None])
    return None


def parse_baseline(text: str, n_points: int) -> Optional[int]:
    """Returns the ID of "point:ID"; None for "zero" and "mean".

    Raises:
      InputError: any other text, or an ID that is not below `n_points`.
    """
    if text in ("zero", "mean"):
        return None
    match = re.fullmatch(r"point:(\d{1,12})", text, re.ASCII)
    if match is None or int(match[1]) >= n_points:
        raise InputError(
            f"baseline must be zero, mean (of the training points), or point:ID with a point 0 to {n_points - 1} of the input "
            f"(got {text!r})."
        )
    return int(match[1])


def mean_baseline(data: DatasetReader) -> np.ndarray:
    """Returns the mean of the training points in hashed features, float64 [D]."""
    total = np.zeros(data.manifest.columns)
    for chunk in data.iterate_points("train"):
        total += np.bincount(chunk.feature_ids, weights=chunk.feature_values, minlength=len(total))
    return total / max(1, data.manifest.split("train").points)
