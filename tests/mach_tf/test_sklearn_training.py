"""What a MachClassifier trains: the model of `mach_tf.fit`, with a ranker, calibrated, or with a softmax."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import make_multilabel_classification

import mach_tf
from mach_tf.errors import InputError
from mach_tf.sklearn import MachClassifier

SETTINGS = {"repetitions": 3, "hidden_units": 32, "epochs": 4, "strategy": "one_device"}


def small(**changes):
    return MachClassifier(**{**SETTINGS, "random_state": 0, **changes})


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(80, n_features=12, n_classes=6, random_state=0)
    return X, Y


def test_the_model_is_that_of_fit(data, tmp_path):
    X, Y = data
    made = small(random_state=5).fit(X, Y)
    assert made.model_.ranker is not None
    mach_tf.write_dataset(X, Y, str(tmp_path / "dataset"))
    theirs = mach_tf.fit(str(tmp_path / "dataset"), str(tmp_path / "model"), seed=5, progress=False, **SETTINGS)
    labels, scores = theirs.top_k(X, k=6, scores="logit")
    classes, log_odds = made.top_k(X, k=6)
    np.testing.assert_array_equal(classes, labels)
    np.testing.assert_array_equal(log_odds, theirs.logit_scale.log_odds(scores))
    np.testing.assert_array_equal(np.take_along_axis(made.decision_function(X), classes, 1), log_odds)
    shares = np.take_along_axis(made.predict_proba(X), labels.astype(int), 1)
    np.testing.assert_allclose(shares, theirs.top_k(X, k=6).scores, rtol=1e-6)
    np.testing.assert_array_equal(made.predict(X), made.predict_proba(X) >= 0.5)


def test_without_a_ranker_if_it_is_not_wanted_or_not_used(data, tmp_path):
    X, Y = data
    fitted, alone, means = (small(**each).fit(X, Y) for each in ({}, {"ranker": False}, {"estimator": "mean"}))
    assert alone.model_.ranker is None and means.model_.ranker is None
    assert not np.array_equal(alone.decision_function(X), fitted.decision_function(X))
    fitted.save(tmp_path / "model")
    content = (tmp_path / "model" / "ranker.npz").read_bytes()
    (tmp_path / "model" / "ranker.npz").write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"ranker\.npz"):
        MachClassifier.load(tmp_path / "model")


def test_probabilities_are_calibrated():
    X, Y = make_multilabel_classification(1000, n_features=12, n_classes=6, random_state=0)
    made = small(repetitions=4, epochs=1).fit(X, Y)
    fitted = made.model_.manifest.calibration
    assert made.model_.logit_scale == (fitted.shift, fitted.scale)
    expected = 1 / (1 + np.exp(-made.decision_function(X).astype(float)))
    np.testing.assert_allclose(made.predict_proba(X), expected, rtol=1e-5)


def test_one_class_per_point_by_a_softmax(data):
    X, Y = data
    made = small(task="multiclass", epochs=30).fit(X, Y.argmax(1))
    assert made.model_.manifest.training.multiclass and made.model_.ranker is None
    assert made.score(X, Y.argmax(1)) > 0.6
    np.testing.assert_allclose(made.predict_proba(X).sum(1), 1)
    with pytest.raises(InputError, match="exactly one label"):
        small(task="multiclass").fit(X, Y)
