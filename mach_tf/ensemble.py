"""A model: what a model directory predicts, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import scipy.sparse

from mach_tf import estimators, points
from mach_tf.evaluation import attack_evaluation
from mach_tf.evaluation.model_robustness import Robustness
from mach_tf.explanations import explainer
from mach_tf.explanations.explanation import Explanations
from mach_tf.explanations.integrated_gradients.attribution import Attribution
from mach_tf.network import Network


class Ensemble(Network):
    """R repetitions and their bucket table, with everything that is asked of a trained model.

    Example:
      >>> model = mach_tf.Ensemble.load("models/mine")  # doctest: +SKIP
      >>> model.predict(X, k=5)  # doctest: +SKIP
    """

    def predict(
        self, features: scipy.sparse.csr_matrix, k: int = 5, estimator: str = estimators.DEFAULT_ESTIMATOR
    ) -> scipy.sparse.csr_matrix:
        """The k best labels of raw points.

        Args:
          features: CSR [n, raw features], as in the text the model was trained on.
          k: in [1, K].
          estimator: one of estimators.ESTIMATORS.

        Returns:
          float32 CSR [n, K] with k entries a row: the label scores (`estimators.reported`), best first in each row as stored;
          scores may be negative, and the labels that are not stored have lower ones.
        """
        found = self.top_k(self.hash(features), k, estimator)
        scores = estimators.reported(found.scores, estimator, self.manifest.bucket_spec.buckets)
        row_splits = np.arange(len(scores) + 1) * k
        return scipy.sparse.csr_matrix(
            (scores.ravel(), found.labels.ravel(), row_splits), shape=(len(scores), self.labels)
        )

    def explain(
        self,
        features: scipy.sparse.csr_matrix,
        labels: Optional[np.ndarray] = None,
        method: str = "exact",
        estimator: str = estimators.DEFAULT_ESTIMATOR,
        baseline: Optional[scipy.sparse.csr_matrix] = None,
        steps: int = 64,
    ) -> Explanations:
        """Which raw features speak for labels' scores, by Integrated Gradients.

        Args:
          features: CSR [n, raw features].
          labels: the labels to explain of each point, integers [n] or [n, m]; None for each point's best.
          method: "exact" or "tape"; see mach_tf.explanations.integrated_gradients.attribution.
          estimator: of the label score; one of estimators.ESTIMATORS.
          baseline: raw points that the paths begin at, CSR [n or 1, raw features]; None for zero.
          steps: of "tape".

        Returns:
          float64 CSR [n * m, raw features], point by point; a row adds up to score - baseline score. In a notebook it displays
          itself.

        Raises:
          ValueError: shapes that do not fit, or labels that are none.
          InputError: attributions that do not add up, or an estimator that the method does not explain.
        """
        settings = Attribution(estimator, method, steps)
        hashed = self.hash(features)
        if labels is None:
            labels = self.top_k(hashed, 1, estimator).labels
        labels = np.asarray(labels)
        if labels.ndim not in (1, 2) or len(labels) != features.shape[0] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels must be integers [{features.shape[0]}] or [{features.shape[0]}, m] (got {labels!r})"
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.labels:
            raise ValueError(f"labels must be in [0, {self.labels}) (got {labels.min()} to {labels.max()})")
        start = None
        if baseline is not None:
            if baseline.shape[0] not in (1, features.shape[0]):
                raise ValueError(f"baseline must have 1 or {features.shape[0]} rows (got {baseline.shape[0]})")
            self.hash(baseline)  # the same checks
            start = points.from_csr(baseline)
        return explainer.explain_matrix(self, points.from_csr(features), labels, settings, start)

    def attack(
        self,
        features: scipy.sparse.csr_matrix,
        labels: scipy.sparse.csr_matrix,
        epsilon: Union[float, Sequence[float]] = 0.02,
        method: str = "fgsm",
        **options: Any,
    ) -> Robustness:
        """Attacks raw points and measures how much the model's metrics lose.

        Args:
          features: CSR [n, raw features].
          labels: CSR [n, K]; every nonzero entry marks a true label.
          epsilon: size of the perturbation in the maximum norm, or several sizes; 0 adds an entry for the clean points.
          method: "fgsm" or "pgd", which increase the loss; "push_out" drives each point's best true label out of the top k,
            "push_in" a false one into it.
          **options: keywords of mach_tf.evaluation.attack_evaluation.attack: `support`, `steps`, `ks`, `estimator`,
            `target_label`, `source`, `bootstrap`, `seed` and the other settings of the attack.

        Returns:
          One entry per epsilon; printed it is a table, `.figure()` plots it, `.to_json()` gives plain values.

        Raises:
          ValueError: shapes that do not fit, an unknown method, or an epsilon that is negative or not finite.

        Example:
          >>> robustness = model.attack(X, Y, epsilon=[0, 0.01, 0.02], method="pgd")  # doctest: +SKIP
          >>> print(robustness)  # doctest: +SKIP
          >>> [entry.lost["P@1"] for entry in robustness]  # doctest: +SKIP
        """
        return attack_evaluation.attack(self, features, labels, epsilon, method, **options)
