"""The best label of each point, and its attributions in hashed features."""

from __future__ import annotations

from typing import Optional

import numpy as np
import scipy.sparse

from mach_tf.explanations import hashed_attributions
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs, Paths
from mach_tf.network import Network
from mach_tf.points import Points

_CHUNK_POINTS = 128


def best_labels(network: Network, points: Points, estimator: str) -> np.ndarray:
    """Returns the best label of each hashed point, int64 [n]."""
    found = network.decode(points.features(network.manifest.columns), 1, estimator)
    return found.labels[:, 0].astype(np.int64)


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
      starts: the baselines of expected gradients, CSR [m, D], whose own features are left out; None for other methods, which begin at zero.
    """
    features = points.features(network.manifest.columns)
    parts = [np.zeros(0)]
    for begin in range(0, len(points), _CHUNK_POINTS):
        end = min(begin + _CHUNK_POINTS, len(points))
        pairs = Pairs.of_matrix(labels[begin:end])
        chunk = features[begin:end]
        whole, integrals = hashed_attributions.integrate(network, chunk, pairs, config, starts, np.arange(begin, end))
        values = integrals.attributions(whole, pairs)
        parts.append(values if starts is None else _of_own_features(chunk, whole, values))
    return np.concatenate(parts)


def _of_own_features(chunk: scipy.sparse.csr_matrix, whole: Paths, values: np.ndarray) -> np.ndarray:
    """Returns the attributions of the points' own features, of paths that have features of the baselines too, float64 [nonzeros]."""
    found = scipy.sparse.csr_matrix((values, (whole.rows(), whole.feature_ids)), chunk.shape)
    own = np.repeat(np.arange(chunk.shape[0]), np.diff(chunk.indptr))
    return np.asarray(found[own, chunk.indices]).reshape(-1)
