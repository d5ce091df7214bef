"""The baseline at which paths begin: zero, the mean of the training points, a label's prior, or one point of the input."""

from __future__ import annotations

import re
from typing import Optional, Union

import numpy as np
import scipy.sparse

from mach_tf.choices import AUTO, EXPECTED_GRADIENTS
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.explanations.explainer import Baseline
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.reporting.prior_baseline import PriorBaseline
from mach_tf.points import Points

ZERO, MEAN, PRIOR = "zero", "mean", "prior"
_DESCRIPTIONS = {
    ZERO: "zero, a point without features",
    MEAN: "mean of the training points",
    PRIOR: "prior: the point scaled down until the label is as probable as among the training points",
}


def resolve(text: str, data: Optional[DatasetReader]) -> str:
    """Returns the baseline that "auto" stands for, another text as it is: the prior if a dataset gives it, else zero."""
    if text != AUTO:
        return text
    return ZERO if data is None else PRIOR


def describe(text: str, data: Optional[DatasetReader], method: str = "exact") -> str:
    """Returns a text that says where the paths of a method begin; other arguments as of `find_baseline`."""
    if method == EXPECTED_GRADIENTS:
        return "training points, drawn at random"
    text = resolve(text, data)
    return _DESCRIPTIONS.get(text, text)


def of_run(
    text: str, config: AttributionConfig, points: Points, data: Optional[DatasetReader]
) -> Union[Baseline, PriorBaseline]:
    """Returns the baseline of a run: for expected gradients a sample of the training points, else `find_baseline`'s.

    Raises:
      InputError: as `find_baseline`; or a baseline for expected gradients, which draw their own, or these without a dataset.
    """
    if config.method != EXPECTED_GRADIENTS:
        return find_baseline(text, points, data)
    if text != AUTO:
        raise InputError(
            f"method=expected_gradients averages over training points: baseline={text} means nothing there. Leave it out."
        )
    if data is None:
        raise InputError("method=expected_gradients needs training points, which the dataset has. Give dataset_dir.")
    return training_sample(data, config.steps)


def find_baseline(text: str, points: Points, data: Optional[DatasetReader]) -> Union[Baseline, PriorBaseline]:
    """Returns the baseline that a text names.

    Args:
      text: "zero", "mean", "prior", "auto" or "point:ID".
      points: the whole input, which ID counts in.
      data: the dataset whose training points have the mean and the labels' priors; None if there is none.

    Raises:
      InputError: any other text, or "mean" or "prior" without a dataset.
    """
    point = parse_baseline(text, len(points))
    if point is not None:
        return points[point : point + 1]
    text = resolve(text, data)
    if text == ZERO:
        return None
    if data is None:
        what = "mean of" if text == MEAN else "frequency of a label among"
        raise InputError(f"baseline={text} is the {what} the training points, which the dataset has. Give dataset_dir.")
    if text == MEAN:
        return scipy.sparse.csr_matrix(mean_baseline(data)[None])
    return PriorBaseline.of(data.label_counts(), data.manifest.split("train").points)


def parse_baseline(text: str, n_points: int) -> Optional[int]:
    """Returns the ID of "point:ID"; None for the other baselines.

    Raises:
      InputError: any other text, or an ID that is not below `n_points`.
    """
    if text in (ZERO, MEAN, PRIOR, AUTO):
        return None
    match = re.fullmatch(r"point:(\d{1,12})", text, re.ASCII)
    if match is None or int(match[1]) >= n_points:
        raise InputError(
            f"baseline must be zero, mean (of the training points), prior (of the label), auto, or point:ID with a point 0 to "
            f"{n_points - 1} of the input (got {text!r})."
        )
    return int(match[1])


def mean_baseline(data: DatasetReader) -> np.ndarray:
    """Returns the mean of the training points in hashed features, float64 [D]."""
    total = np.zeros(data.manifest.columns)
    for chunk in data.iterate_points("train"):
        total += np.bincount(chunk.feature_ids, weights=chunk.feature_values, minlength=len(total))
    return total / max(1, data.manifest.split("train").points)


def training_sample(data: DatasetReader, count: int, seed: int = 0) -> scipy.sparse.csr_matrix:
    """Returns a random sample of the training points in hashed features: `count` of them, or all if there are fewer, CSR [m, D]."""
    everything = data.read_points("train")
    chosen = np.random.default_rng(seed).choice(len(everything), min(count, len(everything)), replace=False)
    return everything[np.sort(chosen)].features(data.manifest.columns)
