"""A trained model with its classes: predictions, scores and probabilities of classes instead of label ids."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
import scipy.special

from mach_tf import estimators
from mach_tf.errors import InputError
from mach_tf.fitted.fitted_labels import FittedLabels, Predicted
from mach_tf.fitted.label_scores import all_scores, labels_above, log_probabilities
from mach_tf.fitted.stored_model import StoredModel
from mach_tf.memory import available_memory

if TYPE_CHECKING:
    from mach_tf.ensemble import Ensemble
    from mach_tf.explanations.explanation import Explanations

# The share of the free memory that a dense matrix of all label scores may take.
_DENSE_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class FittedClassifier:
    """A trained model, its classes, and the estimator of its label scores. Features are raw ones, [n, features].

    Attributes:
      stored: the model.
      labels: the classes, and the form of the training labels.
      estimator: one of estimators.ESTIMATORS.
    """

    stored: StoredModel
    labels: FittedLabels
    estimator: str

    @property
    def model(self) -> Ensemble:
        """The model, opened."""
        return self.stored.open()

    def predict(self, features: scipy.sparse.csr_matrix, threshold: float) -> Predicted:
        """Returns the best class of each point, or all labels whose probability is at least `threshold`, as y was given."""
        model = self.model
        hashed = model.hash(features)
        if self.labels.single:
            return self.labels.classes[model.decode(hashed, 1, self.estimator).labels[:, 0]]
        return self.labels.predicted(labels_above(model, hashed, self.estimator, threshold))

    def top_k(self, features: scipy.sparse.csr_matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the k best classes of each point, [n, k], and their label scores, float32 [n, k]."""
        found = self.model.decode(self.model.hash(features), k, self.estimator)
        return self.labels.classes[found.labels], self._reported(found.scores)

    def decision_function(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns label scores, float32 [n, K]; float64 [n], the log-odds of the second class, if each point has one of two."""
        scores = self._all_scores(features)
        return self._log_odds(scores) if self._is_binary else self._reported(scores)

    def predict_proba(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        """Returns probabilities, float64 [n, K]; rows add up to 1 if each point has one class."""
        scores = self._all_scores(features)
        if self._is_binary:
            log_odds = self._log_odds(scores)
            return scipy.special.expit(np.stack([-log_odds, log_odds], axis=1))
        if self.labels.single:
            return scipy.special.softmax(log_probabilities(scores, self.estimator), axis=1)
        return estimators.probabilities(scores, self.estimator, self.model.manifest.bucket_spec.buckets)

    def explain(self, features: scipy.sparse.csr_matrix, classes: Any, **options: Any) -> Explanations:
        """Explains the label scores of classes, [n] or [n, m], or of each point's best class if `classes` is None."""
        ids = None if classes is None else self.labels.ids(classes)
        if self.labels.classes.dtype.kind in "OU":
            options.setdefault("label_names", self.labels.classes.tolist())
        return self.model.explain(features, ids, estimator=self.estimator, **options)

    @property
    def _is_binary(self) -> bool:
        return self.labels.single and len(self.labels.classes) == 2

    def _all_scores(self, features: scipy.sparse.csr_matrix) -> np.ndarray:
        points, count, free = features.shape[0], len(self.labels.classes), available_memory()
        size = 8 * points * count
        if size > _DENSE_SHARE * free:
            raise InputError(
                f"The scores of all labels must fit in a quarter of the free memory (got {points} points x {count} labels, "
                f"{size / 1e9:.1f} GB; {free / 1e9:.1f} GB are free). Use top_k(X, k), or fewer points at a time."
            )
        return all_scores(self.model, self.model.hash(features), self.estimator)

    def _reported(self, scores: np.ndarray) -> np.ndarray:
        return estimators.reported(scores, self.estimator, self.model.manifest.bucket_spec.buckets)

    def _log_odds(self, scores: np.ndarray) -> np.ndarray:
        """The log-odds of the second of two classes, float64 [n]."""
        first, second = log_probabilities(scores, self.estimator).T
        return second - first
