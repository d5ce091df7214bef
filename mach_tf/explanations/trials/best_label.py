"""The best label of each point, and its attributions in hashed features."""

from __future__ import annotations

import numpy as np

from mach_tf.explanations.integrated_gradients import attribution, paths
from mach_tf.explanations.integrated_gradients.attribution import AttributionConfig
from mach_tf.explanations.integrated_gradients.paths import Pairs, Paths
from mach_tf.network import Network
from mach_tf.points import Points

_CHUNK_POINTS = 128


def best_labels(network: Network, points: Points, estimator: str) -> np.ndarray:
    """Returns the best label of each hashed point, int64 [n]."""
    found = network.decode(points.features(network.manifest.columns), 1, estimator)
    return found.labels[:, 0].astype(np.int64)


def integrated_gradients(network: Network, points: Points, labels: np.ndarray, config: AttributionConfig) -> np.ndarray:
    """Returns the attributions, from a zero baseline, of one label of each hashed point, float64 [nonzeros]."""
    whole = paths.from_zero(points.features(network.manifest.columns))
    return _gradients(network, whole, labels, config) * whole.difference


def gradient_x_input(network: Network, points: Points, labels: np.ndarray, config: AttributionConfig) -> np.ndarray:
    """Returns the gradient at the point times the point's values, for one label of each hashed point, float64 [nonzeros].

    The gradient is that of a path of length zero, whose average gradient is the gradient at its only point.
    """
    whole = paths.from_zero(points.features(network.manifest.columns))
    still = whole._replace(start=whole.difference, difference=np.zeros_like(whole.difference))
    return _gradients(network, still, labels, config) * whole.difference


def _gradients(network: Network, whole: Paths, labels: np.ndarray, config: AttributionConfig) -> np.ndarray:
    parts = []
    for begin in range(0, whole.points, _CHUNK_POINTS):
        end = min(begin + _CHUNK_POINTS, whole.points)
        pairs = Pairs(np.arange(end - begin + 1, dtype=np.int64), labels[begin:end])
        integrals = attribution.integrate(
            network.repetitions,
            network.bucket_table,
            whole.slice(begin, end),
            pairs,
            config,
            np.arange(begin, end),
            network.ranker_of(config.estimator),
        )
        parts.append(integrals.gradients)
    return np.concatenate(parts)
