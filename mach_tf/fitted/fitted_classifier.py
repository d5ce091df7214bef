"""A trained model with its classes: predictions, scores and probabilities of classes instead of label ids."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.special

from mach_tf import estimators
from mach_tf.errors import InputError
from mach_tf.fitted.fitted_labels import FittedLabels, Predicted
from mach_tf.fitted.label_scores import all_scores, labels_above, log_probabilities, n_points
from mach_tf.fitted.sketch_model import SketchModel
from mach_tf.memory import available_memory

# The share of the free memory that a dense matrix of all label scores may take.
_DENSE_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class FittedClassifier:
    """A trained model, its classes, and the estimator of its label scores. Features are the model's input.

    Attributes:
      model: the trained model.
      labels: the classes, and the form of the training labels.
      estimator: one of estimators.ESTIMATORS.
    """

    model: SketchModel
    labels: FittedLabels
    estimator: str

    def predict(self, features: Any, threshold: float) -> Predicted:
        """Returns the best class of each point, or all labels whose probability is at least `threshold`, as y was given."""
        if self.labels.single:
            return self.labels.classes[self.model.decode(features, 1, self.estimator).labels[:, 0]]
        return self.labels.predicted(labels_above(self.model, features, self.estimator, threshold))

    def top_k(self, features: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the k best classes of each point, [n, k], and their scores, float32 [n, k], as of `decision_function`."""
        found = self.model.decode(features, k, self.estimator)
        return self.labels.classes[found.labels], self._reported(found.scores)

    def decision_function(self, features: Any) -> np.ndarray:
        """Returns label scores, or their log-odds if they are means of logits, float32 [n, K].

        If each point has one of two classes: float64 [n], the log-odds of the second.
        """
        scores = self._all_scores(features)
        return self._log_odds(scores) if self._is_binary else self._reported(scores)

    def predict_proba(self, features: Any) -> np.ndarray:
        """Returns probabilities, float64 [n, K]; rows add up to 1 if each point has one class."""
        scores = self._all_scores(features)
        if self._is_binary:
            log_odds = self._log_odds(scores)
            return scipy.special.expit(np.stack([-log_odds, log_odds], axis=1))
        if self.labels.single:
            return scipy.special.softmax(self._log_probabilities(scores), axis=1)
        return estimators.probabilities(scores, self.estimator, self.model.sketch_shape[1], self.model.logit_scale)

    @property
    def _is_binary(self) -> bool:
        return self.labels.single and len(self.labels.classes) == 2

    def _all_scores(self, features: Any) -> np.ndarray:
        points, count, free = n_points(features), len(self.labels.classes), available_memory()
        size = 8 * points * count
        if size > _DENSE_SHARE * free:
            raise InputError(
                f"The scores of all labels must fit in a quarter of the free memory (got {points} points x {count} labels, "
                f"{size / 1e9:.1f} GB; {free / 1e9:.1f} GB are free). Use top_k(X, k), or fewer points at a time."
            )
        return all_scores(self.model, features, self.estimator)

    def _reported(self, scores: np.ndarray) -> np.ndarray:
        if estimators.get(self.estimator).takes_logits:
            # scikit-learn expects 0 where a probability is one half.
            return self.model.logit_scale.log_odds(scores)
        return estimators.reported(scores, self.estimator, self.model.sketch_shape[1])

    def _log_probabilities(self, scores: np.ndarray) -> np.ndarray:
        return log_probabilities(scores, self.estimator, self.model.sketch_shape[1], self.model.logit_scale)

    def _log_odds(self, scores: np.ndarray) -> np.ndarray:
        """The log-odds of the second of two classes, float64 [n]."""
        first, second = self._log_probabilities(scores).T
        return second - first
