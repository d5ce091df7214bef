"""A baseline for each point and label: the point scaled down until the label is as probable as among the training points.

A point without features scores far below a label's frequency in many models, so that from zero every feature first lifts the score
to where it is for any point. The path from t x to x has the features of x alone, and its attributions add up to what the point says
beyond the label's prior. t is found by bisection: the probability at t x is at most the prior, and above it just behind. Where the
score does not rise through the prior on the way from zero to x, the path begins at zero.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse

from mach_tf import estimators
from mach_tf.explanations.label_scores import label_scores
from mach_tf.network import Network
from mach_tf.points import Points

_HALVINGS = 12


@dataclasses.dataclass(frozen=True, eq=False)
class PriorBaseline:
    """The labels' frequencies among the training points.

    Attributes:
      probabilities: float64 [K], in (0, 1).
    """

    probabilities: np.ndarray

    @classmethod
    def of(cls, label_counts: np.ndarray, points: int) -> PriorBaseline:
        """Returns the frequencies, with a point added that has the label and one that lacks it.

        Args:
          label_counts: int64 [K], the training points with each label.
          points: the number of training points.

        Example:
          >>> PriorBaseline.of(np.array([0, 8]), 8).probabilities.tolist()
          [0.1, 0.9]
        """
        return cls((label_counts + 1.0) / (points + 2.0))

    def starts(self, network: Network, points: Points, labels: np.ndarray, estimator: str) -> scipy.sparse.csr_matrix:
        """Returns where the paths begin, float64 CSR [n, D].

        Args:
          network: the model.
          points: n hashed points.
          labels: int64 [n], the label of each point.
          estimator: the estimator of the scores.
        """
        times = self.times(network, points, labels, estimator)
        features = scipy.sparse.csr_matrix(points.features(network.manifest.columns), dtype=np.float64)
        return scipy.sparse.csr_matrix(scipy.sparse.diags(times) @ features)

    def times(self, network: Network, points: Points, labels: np.ndarray, estimator: str) -> np.ndarray:
        """Returns the t of each point and its label, float64 [n] in [0, 1); arguments as of `starts`."""
        prior = self.probabilities[labels]
        buckets = network.manifest.bucket_spec.buckets

        def is_above(times: np.ndarray) -> np.ndarray:
            values = (points.feature_values * times[points.rows()]).astype(np.float32)
            scores = label_scores(network, dataclasses.replace(points, feature_values=values), labels, estimator)
            return estimators.probabilities(scores, estimator, buckets, network.logit_scale) > prior

        low, high = np.zeros(len(labels)), np.ones(len(labels))
        rises = ~is_above(low) & is_above(high)
        for _ in range(_HALVINGS if rises.any() else 0):
            middle = 0.5 * (low + high)
            above = is_above(middle)
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.where(rises, low, 0.0)
