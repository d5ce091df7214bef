"""The methods that the scikit-learn estimators share: predictions, scores and probabilities of classes."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from mach_tf.fitted.fitted_classifier import FittedClassifier
from mach_tf.fitted.fitted_labels import SEQUENCES, Predicted, same_labels


class ClassPredictions(abc.ABC):
    """Predicts classes in the form of the training labels.

    Attributes:
      threshold: the probability from which `predict` assigns a label, where points may have several.
    """

    threshold: float

    @abc.abstractmethod
    def _fitted(self, X: Any) -> tuple[FittedClassifier, Any]:
        """Returns what `fit` made, and the input of its model for the features X.

        Raises:
          NotFittedError: the estimator is not fitted.
          ValueError: X does not fit.
        """

    def predict(self, X: Any) -> Predicted:
        """Predicts labels in the form of the training labels.

        Args:
          X: features, as for `fit`.

        Returns:
          The class of each point [n] if each training point had one; otherwise the labels whose probability is at least
          `threshold`, as an indicator matrix (sparse if y was) or as a list of lists of classes.
        """
        fitted, features = self._fitted(X)
        return fitted.predict(features, self.threshold)

    def top_k(self, X: Any, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """Finds the k best classes of each point, without computing the scores of all.

        Args:
          X: features, as for `fit`.
          k: in [1, K].

        Returns:
          Classes [n, k], best first, and their scores, float32 [n, k], as of `decision_function`.
        """
        fitted, features = self._fitted(X)
        return fitted.top_k(features, k)

    def decision_function(self, X: Any) -> np.ndarray:
        """Computes the scores of all classes.

        Args:
          X: features, as for `fit`.

        Returns:
          With the estimator "logit_mean" the log-odds of the classes, float32 [n, K], 0 for a probability of one half; with others their
          label scores. If each point has one of two classes: float64 [n], the log-odds of the second.

        Raises:
          InputError: the result would take a large part of the memory; `top_k` does not need it.
        """
        fitted, features = self._fitted(X)
        return fitted.decision_function(features)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Computes the probabilities of all classes.

        Args:
          X: features, as for `fit`.

        Returns:
          float64 [n, K]. The rows add up to 1 if each point has one class; otherwise each label has a probability of its own.

        Raises:
          InputError: as `decision_function`.
        """
        fitted, features = self._fitted(X)
        return fitted.predict_proba(features)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Computes the accuracy of `predict`.

        If points may have several labels this is scikit-learn's subset accuracy: the share of points with exactly the true labels
        predicted. `mach_tf.evaluate` computes P@k and other measures of ranking.

        Args:
          X: features, as for `fit`.
          y: true labels, in the form of the training labels.
          sample_weight: weights of the points [n]; None weighs all alike.
        """
        from sklearn.metrics import accuracy_score
        from sklearn.utils import check_consistent_length

        fitted, features = self._fitted(X)
        predicted = fitted.predict(features, self.threshold)
        if fitted.labels.form == SEQUENCES:
            check_consistent_length(predicted, y)
            return float(np.average(same_labels(predicted, y), weights=sample_weight))
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))


def check_columns(estimator: Any, X: Any, reset: bool) -> None:
    """Remembers number and names of the columns of X in an estimator, or compares them with those of `fit`.

    Args:
      estimator: a scikit-learn estimator.
      X: features; texts, which have no columns, are not looked at.
      reset: whether to remember.

    Raises:
      ValueError: the columns differ.
    """
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # before scikit-learn 1.6
        estimator._check_feature_names(X, reset=reset)
        estimator._check_n_features(X, reset=reset)
    else:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
