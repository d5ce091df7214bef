from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin

from mach_tf.decoding.decode import Decoder
from mach_tf.fitted.class_predictions import ClassPredictions, check_columns
from mach_tf.fitted.fitted_classifier import FittedClassifier
from mach_tf.fitted.fitted_labels import FittedLabels
from mach_tf.logit_scale import AS_THEY_ARE

# Two points, one repetition, a bucket per label.
LOGITS = np.array([[[3, -3, 1]], [[-2, 4, -1]]], np.float32)


class Known:
    """A model whose logits are known."""

    labels, sketch_shape, bucket_table = 3, (1, 3), np.arange(3, dtype=np.int32)[None]
    decoder, logit_scale = Decoder.of(bucket_table, 3), AS_THEY_ARE

    def added_scores(self, estimator):
        return []

    def sketches(self, features):
        yield range(len(features)), LOGITS[features]

    def decode(self, features, k, estimator):
        return self.decoder.top_k(LOGITS[features], k, estimator)


class Estimator(ClassPredictions, ClassifierMixin, BaseEstimator):
    def __init__(self, y, threshold=0.5):
        self.y, self.threshold = y, threshold

    def _fitted(self, X):
        return FittedClassifier(Known(), FittedLabels.of(self.y)[0], "logit_mean"), X


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (["a", "b", "c"], ["a", "b"]),
        ([["a", "b"], ["c"]], [["a", "c"], ["b"]]),
        (np.eye(3, dtype=int), [[1, 0, 1], [0, 1, 0]]),
    ],
)
def test_predictions_have_the_form_of_the_training_labels(y, predicted):
    estimator, X = Estimator(y), np.arange(2)
    assert np.array_equal(estimator.predict(X), predicted) or estimator.predict(X) == predicted
    wrong = [predicted[0], predicted[0]]
    assert estimator.score(X, predicted) == 1
    assert estimator.score(X, wrong) == 0.5 and estimator.score(X, wrong, [1, 3]) == 0.25


def test_scores_and_probabilities():
    estimator, X = Estimator(np.eye(3)), np.arange(2)
    classes, scores = estimator.top_k(X, 2)
    assert classes.tolist() == [[0, 2], [1, 2]] and scores.tolist() == [[3, 1], [4, -1]]
    np.testing.assert_array_equal(estimator.decision_function(X), LOGITS[:, 0])
    np.testing.assert_allclose(estimator.predict_proba(X), 1 / (1 + np.exp(-LOGITS[:, 0])), rtol=1e-6)
    assert (
        Estimator(np.eye(3), threshold=0.01).predict(X).tolist()
        == (estimator.predict_proba(X) >= 0.01).astype(int).tolist()
    )


def test_columns_are_remembered_and_compared():
    estimator = Estimator([0, 1])
    check_columns(estimator, np.ones((2, 3)), reset=True)
    assert estimator.n_features_in_ == 3
    check_columns(estimator, np.ones((5, 3)), reset=False)
    with pytest.raises(ValueError, match="X has 4 features, but Estimator is expecting 3 features"):
        check_columns(estimator, np.ones((2, 4)), reset=False)
    check_columns(texts := Estimator([0, 1]), ["a b", "c"], reset=True)
    assert not hasattr(texts, "n_features_in_")
