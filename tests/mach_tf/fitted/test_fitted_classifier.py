from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators
from mach_tf.errors import InputError
from mach_tf.fitted import fitted_classifier
from mach_tf.fitted.fitted_classifier import FittedClassifier
from mach_tf.fitted.fitted_labels import DENSE, SEQUENCES, SINGLE, FittedLabels
from mach_tf.network import Network
from tests.helpers import model_directory, rankers

FEATURES = 60
X = scipy.sparse.random(40, 40, 0.2, "csr", random_state=0)  # hashed points


@pytest.fixture(scope="module", params=[False, True], ids=["ensemble", "ranker"])
def models(request, tmp_path_factory):
    """Models by the number of their labels; logits near zero, so that probabilities are near 1/2."""
    made = {}
    for labels in (2, 7):
        path = str(tmp_path_factory.mktemp(f"labels{labels}"))
        model_directory.write(path, features=FEATURES, labels=labels, columns=40, buckets=20)
        if request.param:
            path = rankers.with_ranker(path, f"{path}-ranked", labels, 40)
        made[labels] = Network.load(path)
    return made


def classifier(models, labels, form, estimator="logit_mean"):
    classes = np.array([f"class {label}" for label in range(labels)], object)
    return FittedClassifier(models[labels], FittedLabels(form, classes, "<i8" if form == DENSE else None), estimator)


@pytest.mark.parametrize(("labels", "estimator"), itertools.product([2, 7], estimators.ESTIMATORS))
def test_with_one_class_per_point_all_methods_agree(models, labels, estimator):
    made = classifier(models, labels, SINGLE, estimator)
    predicted, decision, shares = made.predict(X, 0.5), made.decision_function(X), made.predict_proba(X)
    best, scores = made.top_k(X, labels)
    assert predicted.shape == (40,) and shares.shape == (40, labels) and shares.dtype == np.float64
    np.testing.assert_array_equal(best[:, 0], predicted)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-12)
    np.testing.assert_array_equal(made.labels.classes[shares.argmax(1)], predicted)
    assert len(set(predicted)) > 1 and (shares > 0).all()
    if labels == 2:
        assert decision.shape == (40,)
        np.testing.assert_array_equal(made.labels.classes[(decision > 0).astype(int)], predicted)
        np.testing.assert_allclose(np.log(shares[:, 1] / shares[:, 0]), decision, atol=1e-9)
    else:
        np.testing.assert_array_equal(-np.sort(-decision, 1), scores)
        np.testing.assert_array_equal(made.labels.classes[decision.argmax(1)], predicted)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_with_several_labels_the_threshold_is_a_probability(models, estimator):
    made = classifier(models, 7, DENSE, estimator)
    shares, decision = made.predict_proba(X), made.decision_function(X)
    for threshold in (0.2, 0.5, 0.8):
        np.testing.assert_array_equal(made.predict(X, threshold), shares >= threshold)
    order = np.argsort(decision, axis=None)
    assert (np.diff(shares.ravel()[order]) >= 0).all() and decision.dtype == np.float32
    if estimator == "logit_mean":
        np.testing.assert_allclose(shares, 1 / (1 + np.exp(-decision.astype(float))), rtol=1e-5)
        np.testing.assert_array_equal(decision > 0, shares > 0.5)
    lists = classifier(models, 7, SEQUENCES, estimator).predict(X, 0.5)
    assert lists == [[f"class {label}" for label in np.flatnonzero(row >= 0.5)] for row in shares]


def test_a_dense_result_that_would_fill_the_memory_is_refused(models, monkeypatch):
    made = classifier(models, 7, DENSE)
    monkeypatch.setattr(fitted_classifier, "available_memory", lambda: 4 * 8 * 40 * 7)
    made.predict_proba(X)
    monkeypatch.setattr(fitted_classifier, "available_memory", lambda: 4 * 8 * 40 * 7 - 4)
    for method in (made.predict_proba, made.decision_function):
        with pytest.raises(InputError, match=r"\(got 40 points x 7 labels, .*Use top_k\(X, k\)"):
            method(X)
    assert made.predict(X, 0.5).shape == (40, 7) and made.top_k(X, 3)[0].shape == (40, 3)
