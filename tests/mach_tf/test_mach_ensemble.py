from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse
import scipy.special

pytest.importorskip("sklearn")

import joblib
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import mach_tf
from mach_tf import estimators, mach_ensemble
from mach_tf.buckets import BucketSpec
from mach_tf.errors import InputError
from mach_tf.mach_ensemble import MachEnsemble

LABELS = 20
# One of each kind: wrapped in one-vs-rest; a list of arrays, one per bucket; one array of all buckets.
BASES = {
    "linear": SGDClassifier(loss="log_loss"),
    "naive_bayes": MultinomialNB(),
    "forest": RandomForestClassifier(10),
    "neighbours": KNeighborsClassifier(1),
    "network": MLPClassifier((20,), solver="lbfgs", max_iter=30),
    "multi_output": MultiOutputClassifier(MultinomialNB()),
}
# The check that is expected to fail, and why.
FAILS = {"check_complex_data": "Both X and y are complex, and y is refused before the base sees X."}
CHECKED = MachEnsemble(LogisticRegression(), random_state=0)


@pytest.fixture(scope="module")
def data():
    """Points that have a feature for each of their labels, and noise."""
    generator = np.random.default_rng(0)
    Y = (generator.random((150, LABELS)) < 0.1).astype(int)
    return np.hstack([Y, 0.2 * generator.random((150, 5))]), Y


def made(base="naive_bayes", **changes):
    return MachEnsemble(BASES[base], **{"buckets": 8, "repetitions": 6, "random_state": 0, **changes})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("base", BASES)
def test_labels_are_learned_and_ranked_by_the_scores_of_their_buckets(data, base):
    X, Y = data
    fitted = made(base).fit(scipy.sparse.csr_matrix(X), scipy.sparse.csr_matrix(Y))
    classes, scores = fitted.top_k(scipy.sparse.csr_matrix(X), 3)
    assert Y[np.arange(150), classes[:, 0]][Y.any(1)].mean() > 0.8
    decision = fitted.decision_function(scipy.sparse.csr_matrix(X))
    np.testing.assert_array_equal(-np.sort(-decision, 1)[:, :3], scores)
    shares = fitted.predict_proba(scipy.sparse.csr_matrix(X))
    np.testing.assert_array_equal(fitted.predict(scipy.sparse.csr_matrix(X)).toarray(), shares >= 0.5)


@pytest.mark.parametrize("aggregator", estimators.ESTIMATORS)
def test_scores_are_those_of_classifiers_trained_by_hand(data, aggregator):
    X, Y = data
    fitted = made(aggregator=aggregator).fit(X, Y)
    table = BucketSpec(8, 6, seed=0).table(LABELS)
    sketch = np.zeros((150, 6, 8))
    for repetition, row in enumerate(table):
        for bucket in set(row):
            target = Y[:, row == bucket].any(1)
            sketch[:, repetition, bucket] = MultinomialNB().fit(X, target).predict_proba(X)[:, 1]
    values = scipy.special.logit(sketch) if aggregator == "logit_mean" else sketch
    every = np.tile(np.arange(LABELS), (150, 1))
    expected = estimators.reported(estimators.label_scores(values, table, every, aggregator), aggregator, 8)
    np.testing.assert_allclose(fitted.decision_function(X), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("base", ["linear", "naive_bayes", "forest"])
def test_with_one_label_per_point_a_repetition_is_a_problem_of_several_classes(data, base):
    X, Y = data
    X, y = X[Y.any(1)], np.array([f"label {label}" for label in range(LABELS)], object)[Y[Y.any(1)].argmax(1)]
    fitted = made(base).fit(X, y)
    assert [set(one.classes_) <= set(range(8)) for one in fitted.estimators_] == [True] * 6
    np.testing.assert_allclose(fitted.predict_proba(X).sum(1), 1)
    assert fitted.score(X, y) > 0.8 and set(fitted.predict(X)) <= set(y)
    assert fitted.score(X[:2], y[:2], [1, 0]) in (0, 1)


def test_probabilities_of_one_label_per_point_are_the_unbiased_estimate():
    """Theorem 1 of the paper: with bucket probabilities as they are in truth, their mean estimates the label's."""
    truth = np.array([0.5, 0.3, 0.1, 0.06, 0.04])
    y = np.repeat(np.arange(5), (1000 * truth).astype(int))
    fitted = MachEnsemble(MultinomialNB(), buckets=4, repetitions=400, random_state=0).fit(np.ones((1000, 1)), y)
    np.testing.assert_allclose(fitted.decision_function([[1]])[0], truth, atol=0.03)


def test_sequences_of_labels_and_texts():
    texts = ["cats purr", "dogs bark", "cats and dogs", "a purr", "a bark", "silence"] * 5
    tags = [["cat"], ["dog"], ["cat", "dog"], ["cat"], ["dog"], []] * 5
    fitted = MachEnsemble(make_pipeline(CountVectorizer(), MultinomialNB()), random_state=0).fit(texts, tags)
    assert fitted.predict(["cats purr", "dogs bark"]) == [["cat"], ["dog"]] and fitted.score(texts, tags) > 0.6
    assert fitted.top_k(["purr"], 1)[0].tolist() == [["cat"]] and not hasattr(fitted, "n_features_in_")


@pytest.mark.parametrize("base", ["linear", "forest"])
def test_the_seed_decides_alone(data, base):
    X, Y = data
    with joblib.parallel_backend("threading"):
        first, *others = (
            made(base, **changes).fit(X, Y).decision_function(X) for changes in ({}, {"n_jobs": 2}, {"random_state": 1})
        )
    np.testing.assert_array_equal(others[0], first)
    assert not np.array_equal(others[1], first)
    again, more = made(base).fit(X, Y), made(base, repetitions=7).fit(X, Y)
    states = [
        one.get_params()["random_state" if base == "forest" else "estimator__random_state"] for one in more.estimators_
    ]
    assert len(set(states)) == 7
    np.testing.assert_array_equal(again._model.bucket_table, more._model.bucket_table[:6])


def test_the_base_stays_as_it_is(data):
    X, Y = data
    ensemble = made("linear").fit(X, Y)
    assert not hasattr(ensemble.base, "classes_") and ensemble.base.random_state is None
    assert clone(ensemble).get_params()["buckets"] == 8
    search = GridSearchCV(made("linear"), {"base__alpha": [1e-3, 1e-1], "buckets": [4]}, cv=2).fit(X, Y)
    assert (
        search.best_estimator_.base.alpha in (1e-3, 1e-1) and not np.isnan(search.cv_results_["mean_test_score"]).any()
    )


def test_points_are_decoded_in_parts(data, monkeypatch):
    X, Y = data
    fitted = made().fit(X, Y)
    whole = fitted.top_k(X, 3), fitted.predict(X), fitted.predict_proba(X)
    monkeypatch.setattr(mach_ensemble, "_SKETCH_BYTES", 40 * 4 * 6 * 8)
    for one, other in zip(whole, (fitted.top_k(X, 3), fitted.predict(X), fitted.predict_proba(X.tolist()))):
        np.testing.assert_array_equal(one, other)


def test_pickles_predict(data):
    X, Y = data
    fitted = made().fit(X, Y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_labels_that_share_all_buckets_are_one():
    fitted = MachEnsemble(MultinomialNB(), buckets=2, repetitions=1).fit([[1, 0], [0, 1]] * 3, [0, 1] * 3)
    seeds = (seed for seed in range(99) if len(set(BucketSpec(2, 1, seed=seed).table(2)[0])) == 1)
    fitted.set_params(random_state=next(seeds)).fit([[1, 0], [0, 1]] * 3, [0, 1] * 3)
    np.testing.assert_array_equal(fitted.predict_proba([[1, 0]]), [[0.5, 0.5]])


def test_empty_and_full_buckets_need_no_training(data):
    X, Y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = made(buckets=50).fit(X, np.hstack([Y, np.ones((150, 1), int), np.zeros((150, 1), int)]))
    shares = fitted.predict_proba(X)
    assert (shares[:, LABELS] > 0.99).all() and shares[:, LABELS + 1].mean() < 0.2


class Plain(ClassifierMixin, BaseEstimator):
    """Gives all points the same probabilities."""

    def fit(self, X, y):
        self.classes_, self.share = np.unique(y), np.mean(y)
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.share, self.share], (len(X), 1))


class Undecided(Plain):
    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


def test_bases_of_your_own(data):
    X, Y = data
    assert MachEnsemble(Plain()).fit(X, Y).top_k(X, 2)[0].shape == (150, 2)
    with pytest.raises(InputError, match="must not be NaN"):
        MachEnsemble(Undecided()).fit(X, Y).predict(X)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": SGDClassifier()}, r"base must be an estimator with .*which lacks predict_proba\). Give an instance"),
        ({"base": MultinomialNB}, "base must be an estimator with"),
        ({"base": 3}, "base must be an estimator with"),
        ({"buckets": 1}, "buckets must be at least 2"),
        ({"repetitions": 2.5}, "repetitions must be a whole number"),
        ({"aggregator": "max"}, r"aggregator must be one of .* \(got 'max'\)"),
        ({"threshold": 2}, r"threshold must be in \[0, 1\] \(got 2\)"),
    ],
)
def test_wrong_parameters_are_named(data, changes, message):
    with pytest.raises(InputError, match=message):
        MachEnsemble(**changes).fit(*data)


def test_errors_are_those_of_scikit_learn(data):
    X, Y = data
    fitted = made().fit(X, Y)
    for method in ("predict", "predict_proba", "decision_function", "top_k"):
        with pytest.raises(NotFittedError, match="This MachEnsemble instance is not fitted yet"):
            getattr(made(), method)(X)
        with pytest.raises(ValueError, match="X has 24 features, but MachEnsemble is expecting 25 features"):
            getattr(fitted, method)(X[:, 1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        made().fit(X, Y[:-1])
    with pytest.raises(InputError, match=r"k must be in \[1, 20\]"):
        fitted.top_k(X, 21)


def test_no_tensorflow_is_needed():
    script = """
import sys, numpy as np, mach_tf
mach_tf.MachEnsemble(buckets=4, repetitions=2).fit(np.eye(6), np.eye(6, dtype=int)).predict(np.eye(6))
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert mach_tf.MachEnsemble is MachEnsemble


def checks(estimator):
    if "expected_failed_checks" in inspect.signature(parametrize_with_checks).parameters:
        return parametrize_with_checks([estimator], expected_failed_checks=lambda _: FAILS)
    return parametrize_with_checks([estimator])  # before scikit-learn 1.6


@checks(CHECKED)
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    if getattr(check, "func", check).__name__ in FAILS:
        pytest.xfail(str(FAILS))
    check(estimator)
