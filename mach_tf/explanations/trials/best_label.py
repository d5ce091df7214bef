"""The best label of each point, and its attributions in hashed features."""

from __future__ import annotations

import dataclasses
import functools
from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.choices import GRADIENT_X_INPUT
from mach_tf.explanations.integrated_gradients import attribution, expected_gradients, paths
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs
from mach_tf.network import Network
from mach_tf.points import Points

_CHUNK_POINTS = 128


def best_labels(network: Network, points: Points, estimator: str) -> np.ndarray:
    """Returns the best label of each hashed point, int64 [n]."""
    found = network.decode(points.features(network.manifest.columns), 1, estimator)
    return found.labels[:, 0].astype(np.int64)


def integrated_gradients(network: Network, points: Points, labels: np.ndarray, config: AttributionConfig) -> np.ndarray:
    """Returns the attributions, from a zero baseline, of one label of each hashed point, float64 [nonzeros]."""
    return attributions(network, points, labels, config)


def gradient_x_input(network: Network, points: Points, labels: np.ndarray, config: AttributionConfig) -> np.ndarray:
    """Returns the gradient at the point times the point's values, for one label of each hashed point, float64 [nonzeros]."""
    return attributions(network, points, labels, dataclasses.replace(config, method=GRADIENT_X_INPUT))


def attributions(
    network: Network,
    points: Points,
    labels: np.ndarray,
    config: AttributionConfig,
    starts: Optional[scipy.sparse.csr_matrix] = None,
) -> np.ndarray:
    """Returns the attributions of the features of each hashed point for one label, float64 [nonzeros].

    Args:
      network: the model.
      points: n hashed points.
      labels: int64 [n].
      config: the method, and the estimator.
      starts: the baselines of expected gradients, CSR [m, D], whose own features are left out; other methods begin at zero.
    """
    features = points.features(network.manifest.columns)
    parts = [np.zeros(0)]
    for begin in range(0, len(points), _CHUNK_POINTS):
        end = min(begin + _CHUNK_POINTS, len(points))
        pairs = Pairs(np.arange(end - begin + 1, dtype=np.int64), labels[begin:end])
        one = functools.partial(
            attribution.integrate,
            network.repetitions,
            network.bucket_table,
            pairs=pairs,
            config=config,
            point_ids=np.arange(begin, end),
            ranker=network.ranker_of(config.estimator),
        )
        chunk = features[begin:end]
        if starts is None:
            whole = paths.from_zero(chunk)
            parts.append(one(whole).attributions(whole, pairs))
        else:
            whole, integrals = expected_gradients.integrate(one, starts, chunk, pairs)
            rows = np.repeat(np.arange(end - begin), np.diff(whole.row_splits))
            found = scipy.sparse.csr_matrix(
                (integrals.attributions(whole, pairs), (rows, whole.feature_ids)), chunk.shape
            )
            own = np.repeat(np.arange(end - begin), np.diff(chunk.indptr))
            parts.append(np.asarray(found[own, chunk.indices]).reshape(-1))
    return np.concatenate(parts)
