from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline

import mach_tf
from mach_tf.errors import InputError
from mach_tf.sklearn import MachClassifier

SMALL = {"repetitions": 3, "hidden_units": 32, "epochs": 4, "strategy": "one_device", "random_state": 0}
TEXTS = ["cats purr", "dogs bark", "cats and dogs", "a purr", "a bark", "silence"] * 5
TAGS = [["cat"], ["dog"], ["cat", "dog"], ["cat"], ["dog"], []] * 5


def small(**changes):
    return MachClassifier(**{**SMALL, **changes})


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(80, n_features=12, n_classes=6, random_state=0)
    return X, Y


@pytest.fixture(scope="module")
def fitted(data):
    return small().fit(*data)


def assert_same_predictions(ours, theirs, X):
    np.testing.assert_array_equal(ours.decision_function(X), theirs.decision_function(X))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_labels_are_learned_and_found_again(data, fitted):
    X, Y = data
    made = small(epochs=40).fit(X, Y)
    assert made.score(X, Y) == accuracy_score(Y, made.predict(X)) > 0.3
    weights = np.arange(80)
    assert made.score(X, Y, weights) == accuracy_score(Y, made.predict(X), sample_weight=weights)
    classes, scores = made.top_k(X, k=2)
    assert Y[np.arange(80), classes[:, 0]][Y.any(1)].mean() > 0.85
    np.testing.assert_array_equal(scores, -np.sort(-made.decision_function(X), axis=1)[:, :2])
    np.testing.assert_array_equal(np.take_along_axis(made.decision_function(X), classes, 1), scores)
    assert isinstance(fitted.model_, mach_tf.Ensemble) and fitted.n_features_in_ == 12


def test_the_same_seed_gives_the_same_predictions_and_another_others(data, fitted):
    X, Y = data
    assert_same_predictions(small().fit(X, Y), fitted, X)
    generators = [small(random_state=np.random.RandomState(4)).fit(X, Y) for _ in range(2)]
    assert_same_predictions(*generators, X)
    assert not np.array_equal(small(random_state=1).fit(X, Y).decision_function(X), fitted.decision_function(X))


@pytest.mark.parametrize(
    "convert",
    [
        scipy.sparse.csr_matrix,
        scipy.sparse.coo_array,
        scipy.sparse.dok_matrix,
        np.asfortranarray,
        np.ndarray.tolist,
        lambda X: X.astype(np.uint8),
        lambda X: X.astype(object),
    ],
)
def test_features_of_any_kind_give_the_same(data, fitted, convert):
    X, Y = data
    assert_same_predictions(small().fit(convert(X), Y), fitted, X)
    np.testing.assert_array_equal(fitted.predict(convert(X)), fitted.predict(X))


def test_data_frames_bring_names():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"a": [0.0, 1, 0, 2], "b": [1.0, 0, 3, 0]})
    Y = pandas.DataFrame({"x": [1, 0, 1, 0], "y": [0, 1, 1, 1]})
    made = small().fit(X, Y)
    assert made.feature_names_in_.tolist() == ["a", "b"] and made.classes_.tolist() == ["x", "y"]
    assert set(made.top_k(X, 1)[0].ravel()) <= {"x", "y"}
    assert "label y" not in made.explain(X, [["y"]] * 4)._repr_html_() and made.explain(X).shape == (4, 2)
    with pytest.raises(ValueError, match="feature names should match"):
        made.predict(X.rename(columns={"a": "c"}))
    with pytest.raises(ValueError, match="feature names should match"):
        made.predict(X.reindex(columns=["b", "c"]))  # of NaN


def test_classes_are_explained(data):
    X, Y = data
    names = np.array([f"class {label}" for label in range(6)], object)
    made = small().fit(X, names[Y.argmax(1)])
    best = made.explain(X[:3])
    np.testing.assert_array_equal(made.classes_[best.labels], made.predict(X[:3]))
    assert made.predict(X[:1])[0] in best._repr_html_()
    np.testing.assert_allclose(np.asarray(best.sum(1))[:, 0], best.scores - best.baseline_scores, atol=1e-5)
    asked = made.explain(X[:3], [["class 4", "class 1"]] * 3, method="tape", steps=500)
    assert asked.shape == (6, 12) and asked.labels.tolist() == [4, 1] * 3


def test_lists_of_words(tmp_path):
    made = Pipeline([("tfidf", TfidfVectorizer()), ("mach", small(epochs=30))]).fit(TEXTS, TAGS)
    assert made.classes_.tolist() == ["cat", "dog"]
    assert made.predict(["cats purr", "dogs bark"]) == [["cat"], ["dog"]]
    assert made.score(TEXTS, TAGS) > 0.6
    classes, _ = made[-1].top_k(made[0].transform(["purr"]), 1)
    assert classes.tolist() == [["cat"]]
    why = made[-1].explain(made[0].transform(["cats purr"]), [["cat", "dog"]])
    assert why[0].sum() > 0 > why[1].sum()
    made[-1].save(tmp_path / "saved")
    assert MachClassifier.load(tmp_path / "saved").predict(made[0].transform(["cats purr"])) == [["cat"]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_grid_search(data, jobs):
    X, Y = data
    search = GridSearchCV(small(), {"hidden_units": [4, 32], "dropout": [0.0]}, cv=2, n_jobs=jobs)
    search.fit(scipy.sparse.csr_matrix(X), scipy.sparse.csr_matrix(Y))
    assert scipy.sparse.issparse(search.predict(X)) and not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_cross_validation_with_probabilities(data):
    X, Y = data
    shares = cross_val_predict(small(), X, Y[:, 0], cv=2, method="predict_proba")
    np.testing.assert_allclose(shares.sum(1), 1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_copies_predict_alone(data, copied):
    X, Y = data
    made = small().fit(X, Y)
    expected, directory = made.decision_function(X), made.model_.model_dir
    again = copied(made)
    shutil.rmtree(directory)
    np.testing.assert_array_equal(again.decision_function(X), expected)
    assert again.get_params() == made.get_params() and clone(again).get_params() == made.get_params()


def test_joblib_and_another_process(data, fitted, tmp_path):
    X, _ = data
    joblib.dump((fitted, X, fitted.decision_function(X)), tmp_path / "model.joblib", compress=3)
    script = f"""
import joblib, numpy as np
made, X, expected = joblib.load({str(tmp_path / "model.joblib")!r})
np.testing.assert_allclose(made.decision_function(X), expected, rtol=1e-5, atol=1e-5)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_save_and_load(data, fitted, tmp_path):
    X, Y = data
    fitted.save(tmp_path / "model")
    assert sorted(os.listdir(tmp_path)) == ["model"]
    loaded = MachClassifier.load(tmp_path / "model")
    assert loaded.get_params() == fitted.get_params() and loaded.n_features_in_ == 12
    assert_same_predictions(loaded, fitted, X)
    assert loaded.score(X, Y) == fitted.score(X, Y)
    assert mach_tf.Ensemble.load(str(tmp_path / "model")).labels == 6
    with pytest.raises(InputError, match="holds an estimator already"):
        fitted.save(tmp_path / "model")
    loaded.save(tmp_path / "model", overwrite=True)
    (tmp_path / "model" / "classifier.json").unlink()
    with pytest.raises(InputError, match=r"classifier\.json does not exist"):
        MachClassifier.load(tmp_path / "model")
    with pytest.raises(InputError, match=r"model\.json does not exist"):
        MachClassifier.load(tmp_path / "other")
    for use in (fitted.save, MachClassifier.load):
        with pytest.raises(InputError, match=r"^directory must be a path \(got None\)"):
            use(None)


def test_a_named_model_directory_is_an_estimator_and_is_not_overwritten(data, fitted, tmp_path):
    X, Y = data
    made = small(model_dir=tmp_path / "model").fit(X, Y)
    assert_same_predictions(made, fitted, X)
    loaded = MachClassifier.load(tmp_path / "model")
    assert loaded.model_dir is None and loaded.get_params() == fitted.get_params()
    small(model_dir=tmp_path / "model").fit(X, Y)
    with pytest.raises(InputError, match="model_dir"):
        small(model_dir=tmp_path / "model").fit(X[:-1], Y[:-1])


def test_errors_are_those_of_scikit_learn(data, fitted):
    X, Y = data
    for method in ("predict", "predict_proba", "decision_function", "top_k", "explain"):
        with pytest.raises(NotFittedError, match="This MachClassifier instance is not fitted yet"):
            getattr(small(), method)(X)
        message = "X has 11 features, but MachClassifier is expecting 12 features as input"
        with pytest.raises(ValueError, match=message):
            getattr(fitted, method)(X[:, 1:])
    for attribute in ("model_", "classes_", "n_features_in_"):
        assert not hasattr(small(), attribute)
    with pytest.raises(NotFittedError):
        small().save("nowhere")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, Y[:-1])
    with pytest.raises(ValueError, match=r"k must be in \[1, 6\], the number of labels \(got 7\)"):
        fitted.top_k(X, 7)
    with pytest.raises(InputError, match="epochs must be at least 1"):
        small(epochs=0).fit(X, Y)
    with pytest.raises(InputError, match="labels must be classes"):
        fitted.explain(X, np.full(len(X), 6))


def test_training_is_quiet(data, capfd, terminal):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", ".* of the train split have no label")
        small(repetitions="auto", verbose=0).fit(*data)
    assert capfd.readouterr().out == ""
    small(verbose=1).fit(*data)
    assert "group 1/1" in capfd.readouterr().err


def test_a_model_that_is_refused_leaves_the_old_one(data):
    X, Y = data
    made = small().fit(X, Y)
    before = made.decision_function(X)
    with pytest.raises(InputError):
        made.set_params(hidden_units=0).fit(X, Y)
    np.testing.assert_array_equal(made.decision_function(X), before)


def run_without_scikit_learn(script):
    hidden = "import sys; sys.modules['sklearn'] = None\n"
    return subprocess.run([sys.executable, "-c", hidden + script], capture_output=True, text=True, check=False)


def test_without_scikit_learn_only_the_estimator_is_missing():
    done = run_without_scikit_learn(
        "import mach_tf\n[getattr(mach_tf, n) for n in mach_tf.__all__ if n not in ('MachClassifier', 'MachEnsemble')]"
    )
    assert done.returncode == 0, done.stderr
    for name in ("MachClassifier", "MachEnsemble"):
        done = run_without_scikit_learn(f"import mach_tf\nmach_tf.{name}")
        assert f"ImportError: mach_tf.{name} needs scikit-learn" in done.stderr
        assert done.stderr.rstrip().endswith("Install it: pip install 'mach-tf[sklearn]'")


def test_nothing_else_imports_scikit_learn():
    script = """
import sys, tempfile, mach_tf, numpy as np
[getattr(mach_tf, name) for name in mach_tf.__all__ if name not in ("MachClassifier", "MachEnsemble")]
X, Y = np.eye(8), np.eye(8)[:, :6]
with tempfile.TemporaryDirectory() as folder:
    mach_tf.write_dataset(X, Y, folder + "/data", test=(X, Y))
    model = mach_tf.fit(folder + "/data", folder + "/model", epochs=1, repetitions=1, buckets=4, progress=False)
    model.predict(X), model.explain(X), model.attack(X, Y), mach_tf.evaluate(model, folder + "/data", split="test")
assert "sklearn" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_an_estimator_is_made_without_tensorflow():
    script = "import sys, mach_tf; mach_tf.MachClassifier(epochs=3); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
