"""The training points that support a label of a point most: by how much a step on their loss raises its score.

The score of label l at x is F(x) = mean over r of (h_r(x) . w_rb + c_rb), with h_r(x) the hidden units of repetition r and b the label's
bucket there: linear in the output layers. The binary cross-entropy of training point i, summed over buckets, has the gradient
-(y_irb - p_irb) h_r(x_i) for w_rb and -(y_irb - p_irb) for c_rb, with y_irb = 1 if the point has a label of the bucket. So a step of
gradient descent on it, in the output layers alone, changes F(x) by exactly the size of the step times

    support_i = mean over r of (y_irb - p_irb) (h_r(x_i) . h_r(x) + 1).

This is TracIn in the last layer at the final weights (Pruthi et al. 2020). If the output layers were at the minimum of the summed loss plus
lambda / 2 times their squared weights, the supports of all training points would add up to lambda F(x), the representer theorem (Yeh et
al. 2018). A point that the model has learned perfectly, p = y, has no support. What a ranker adds, and what a training point does to the
hidden layers, is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import scipy.sparse
import scipy.special

from mach_tf import arguments
from mach_tf.classifier import Weights
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.estimators import DEFAULT_ESTIMATOR
from mach_tf.explanations.integrated_gradients.attribution import networks
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.explanations.labels_to_explain import labels_to_explain
from mach_tf.network import Network
from mach_tf.points import Points

# Training points whose hidden units are in memory at a time, supports in memory, and points that are explained in one pass over the training points.
_BATCH, _ENTRIES, _POINTS = 1024, 1 << 24, 1024


class SupportingPoint(NamedTuple):
    """A training point that supports a label.

    Attributes:
      point: its position in the training split, from 0.
      support: by how much a gradient step of size 1 on its loss raises the label's score, above 0.
      labels: the ids of its labels.
    """

    point: int
    support: float
    labels: tuple[int, ...]


def supporting_points(
    model: Union[Network, str, os.PathLike[str]],
    X: Any,
    dataset_dir: Union[str, os.PathLike[str]],
    labels: Optional[Any] = None,
    k: int = 10,
) -> list[list[SupportingPoint]]:
    """Returns the training points that support labels of raw points most.

    Args:
      model: a trained model, or its directory.
      X: [n, raw features]: an array, a SciPy sparse matrix or a DataFrame.
      dataset_dir: the dataset that the model was trained on. All of its training points are read, some at a time, once for every 1,024 points.
      labels: the labels, as of `Ensemble.explain`: integers [n] or [n, m], names or keys; None for the best label of each point.
      k: the largest number of training points for each label.

    Returns:
      For each of the n * m labels, point by point, its supporting points, those with the largest support first; fewer than k if fewer
      have a positive support.

    Raises:
      InputError: X or labels do not fit the model, another dataset than that of the training, or one label per point.

    Example:
      >>> best = mach_tf.supporting_points(model, X[:1], "data/mine", k=3)[0]
      >>> [one.support > 0 for one in best]
      [True, True, True]
    """
    k = arguments.whole_number(k, "k", 1)
    model = model if isinstance(model, Network) else Network.load(model)
    data = DatasetReader.open(arguments.path(dataset_dir, "dataset_dir"))
    check_training_data(model, data)
    features = model.hash(X)
    if labels is None:
        labels = model.decode(features, 1).labels
    chosen = labels_to_explain(labels, features.shape[0], model.labels, model.label_titles)
    pairs = Pairs.of_matrix(chosen)
    found: list[list[SupportingPoint]] = []
    for begin in range(0, features.shape[0], _POINTS):
        end = min(begin + _POINTS, features.shape[0])
        found += find(model, data.iterate_points("train"), features[begin:end], pairs.slice(begin, end), k)
    return found


def check_training_data(network: Network, data: DatasetReader, estimator: str = DEFAULT_ESTIMATOR) -> None:
    """Checks that the supporting points of a model are defined and that they are those of a dataset.

    Raises:
      InputError: the dataset is not the one that the model was trained on, the estimator's scores are not linear in the output layers, or
        the model was trained with one label per point.
    """
    if estimator != DEFAULT_ESTIMATOR:
        raise InputError(
            f"Supporting points are of the estimator {DEFAULT_ESTIMATOR}, whose scores are linear in the output layers (got {estimator})."
        )
    network.manifest.training.require_multilabel(
        "Supporting points", "the log-odds of a softmax are not linear in the output layers"
    )
    if data.manifest.fingerprint != network.manifest.dataset_fingerprint:
        raise InputError(
            f"Supporting points must be those that {network.model_dir} was trained on, and {data.directory} is another dataset (their "
            "fingerprints differ). Give the dataset of the training."
        )


def find(
    network: Network,
    training: Iterable[Points],
    features: scipy.sparse.csr_matrix,
    pairs: Pairs,
    k: int,
    against: Optional[np.ndarray] = None,
) -> list[list[SupportingPoint]]:
    """Returns the training points that support labels most, in one pass over the training points.

    Args:
      network: a multilabel model.
      training: the hashed training points, in chunks.
      features: the n points that have the labels, CSR [n, D].
      pairs: the labels of each of the n points.
      k: the largest number of training points for each label.
      against: int64 [pairs], labels whose scores are subtracted; None for the scores alone.

    Returns:
      For each pair its supporting points, those with the largest support first, and of equal ones the first.
    """
    hidden = [_hidden(weights, features) for weights in networks(network.repetitions)]
    best: list[list[SupportingPoint]] = [[] for _ in pairs.labels]
    begin = 0
    for part in _pieces(training, max(1, _ENTRIES // max(1, len(pairs.labels)))):
        found = supports(network, part, hidden, pairs)
        if against is not None:
            found -= supports(network, part, hidden, pairs._replace(labels=against))
        for pair, values in enumerate(found):
            least = best[pair][-1].support if len(best[pair]) == k else 0.0
            better = np.flatnonzero(values > least)
            better = better[np.argsort(-values[better], kind="stable")][:k]
            new = [SupportingPoint(begin + i, float(values[i]), _labels(part, i)) for i in better.tolist()]
            best[pair] = sorted([*best[pair], *new], key=lambda one: -one.support)[:k]
        begin += len(part)
    return best


def supports(network: Network, training: Points, hidden: list[np.ndarray], pairs: Pairs) -> np.ndarray:
    """Returns the support of every training point for every pair, float64 [pairs, training points].

    Args:
      network: a multilabel model.
      training: hashed training points.
      hidden: the hidden units of the n points that have the labels, float32 [n, hidden] for each repetition.
      pairs: the labels of each of the n points.
    """
    result = np.zeros((len(pairs.labels), len(training)))
    features, points = training.features(network.manifest.columns), pairs.points()
    for weights, buckets, own in zip(networks(network.repetitions), network.bucket_table, hidden):
        wanted, position = np.unique(buckets[pairs.labels], return_inverse=True)
        kernel, bias = weights.output_kernel[:, wanted], weights.output_bias[wanted]
        for first in range(0, len(training), _BATCH):
            rows = slice(first, min(first + _BATCH, len(training)))
            units = _hidden(weights, features[rows])
            missing = _targets(training[rows], buckets, wanted) - scipy.special.expit(units @ kernel + bias)
            result[:, rows] += (missing[:, position] * (units @ own.T + 1.0)[:, points]).T
    return result / len(network.bucket_table)


def _pieces(parts: Iterable[Points], size: int) -> Iterator[Points]:
    """Yields the same points, at most `size` at a time."""
    for part in parts:
        for begin in range(0, len(part), size):
            yield part[begin : begin + size]


def _hidden(weights: Weights, features: scipy.sparse.csr_matrix) -> np.ndarray:
    """Returns the hidden units of points, float32 [n, hidden]."""
    return np.maximum(features @ weights.hidden_kernel + weights.hidden_bias, 0)


def _targets(points: Points, buckets: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns 1 where a point has a label of a bucket, float64 [n, wanted]."""
    found = np.zeros((len(points), len(wanted)))
    of_label = buckets[points.label_ids]
    rows = np.repeat(np.arange(len(points)), np.diff(points.label_splits))
    position = np.minimum(np.searchsorted(wanted, of_label), len(wanted) - 1)
    matches = wanted[position] == of_label if len(wanted) else np.zeros(len(rows), bool)
    found[rows[matches], position[matches]] = 1.0
    return found


def _labels(points: Points, point: int) -> tuple[int, ...]:
    return tuple(points.label_ids[points.label_splits[point] : points.label_splits[point + 1]].tolist())
