"""The score of one label of each hashed point."""

from __future__ import annotations

import numpy as np

from mach_tf import estimators
from mach_tf.network import Network
from mach_tf.points import Points
from mach_tf.ranker.added_part import AddedPart


def label_scores(network: Network, points: Points, labels: np.ndarray, estimator: str) -> np.ndarray:
    """Returns the score of one label of each hashed point, float64 [n]."""
    parts, features = [np.zeros(0, np.float32)], points.features(network.manifest.columns)
    for rows, logits in network.sketches(features):
        scores = estimators.bucket_scores(logits, estimator)
        wanted = labels[rows.start : rows.stop, None]
        parts.append(estimators.label_scores(scores, network.bucket_table, wanted, estimator)[:, 0])
    added = AddedPart(network.ranker_of(estimator), features).to(labels[:, None])[:, 0]
    return (np.concatenate(parts) + added).astype(np.float64)
