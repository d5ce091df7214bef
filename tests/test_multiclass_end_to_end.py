"""A multiclass model through the programs: what reads it honours the task, or refuses it with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse
import scipy.special

import mach_tf
from mach_tf.errors import InputError
from mach_tf.explanations.trials import faithfulness_trial
from mach_tf.explanations.trials.faithfulness_trial import TrialOptions
from mach_tf.network import Network
from mach_tf.serving.service.jobs import Job
from mach_tf.serving.service.served_version import ServedVersion
from mach_tf.training import ranker_training
from tests.helpers import programs

CLASSES, POINTS = 12, 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of points with a feature for their class and noise, and a model trained on it by train.main."""
    folder, generator = tmp_path_factory.mktemp("multiclass"), np.random.default_rng(0)
    y = generator.integers(0, CLASSES, POINTS)
    X = np.hstack([np.eye(CLASSES)[y], 0.4 * generator.random((POINTS, 8))])
    labels = [[int(label)] for label in y]
    mach_tf.write_dataset(X, labels, str(folder / "data"), valid=(X[:60], labels[:60]), test=(X, labels))
    labels[7] = [0, 1]
    mach_tf.write_dataset(X, labels, str(folder / "two"), test=(X, labels))
    programs.run("train.main", *training(folder, "data"))
    return folder


def training(folder, dataset):
    return [
        f"--dataset_dir={folder / dataset}",
        f"--model_dir={folder / 'model'}",
        "--task=multiclass",
        "--buckets=5",
        "--repetitions=4",
        "--hidden_units=32",
        "--learning_rate=0.05",
        "--epochs=15",
        "--batch_size=32",
        "--strategy=one_device",
    ]


def test_the_task_is_in_the_model_and_its_probabilities_are_a_softmax(folder):
    network = Network.load(str(folder / "model"))
    assert network.manifest.training.multiclass
    features = scipy.sparse.random(9, network.manifest.columns, 0.4, "csr", np.float32, random_state=0)
    shares = scipy.special.expit(network.bucket_logits(features).astype(np.float64))
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-5)
    for index, repetition in enumerate(network.repetitions):
        w1, b1, w2, b2 = (np.asarray(weight, np.float64) for weight in repetition.weights)
        expected = scipy.special.softmax(np.maximum(features @ w1 + b1, 0) @ w2 + b2, axis=1)
        np.testing.assert_allclose(shares[:, index], expected, rtol=1e-4, atol=1e-6)


def test_evaluation_has_accuracy_losses_and_attacks(folder):
    paths = [f"--dataset_dir={folder / 'data'}", f"--model_dir={folder / 'model'}", f"--output_dir={folder / 'out'}"]
    programs.run("eval.main", *paths, "--estimator=mean", "--attack=fgsm,pgd", "--epsilon=0,0.5", "--bootstrap=50")
    report = json.loads((folder / "out" / "metrics.json").read_text())
    metrics = report["metrics"]
    assert metrics["accuracy@1"] == metrics["P@1"] > 90 and metrics["error@1"] == pytest.approx(100 - metrics["P@1"])
    assert metrics["accuracy@3"] == metrics["R@3"] and report["intervals"]["error@1"]
    attacked = [entry["metrics"]["P@1"] for entry in report["attacks"] if entry["epsilon"]]
    assert len(attacked) == 2 and max(attacked) < metrics["P@1"] - 5
    losses = report["loss"]
    assert 0 < losses["clean"] < losses["adversarial"] < np.log(5)


def test_the_unbiased_estimate_is_near_the_class(folder):
    model, data = mach_tf.Ensemble.load(folder / "model"), np.eye(CLASSES, CLASSES + 8)
    top = model.top_k(data, 1, "mean", scores="logit")
    assert top.labels[:, 0].tolist() == list(range(CLASSES)) and (top.scores > 0.6).all() and (top.scores < 1.1).all()
    assert (model.predict(data, 2, "mean").toarray().sum(1) < 1.7).all()


def test_explanations_follow_the_softmax_step_by_step(folder):
    model, data = mach_tf.Ensemble.load(folder / "model"), np.eye(CLASSES, CLASSES + 8)
    found = model.explain(data[:3], method="tape")
    np.testing.assert_allclose(np.asarray(found.sum(1))[:, 0], found.scores - found.baseline_scores, rtol=0.02)
    assert np.asarray(found.argmax(1))[:, 0].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"method must be tape .* Use method='tape'"):
        model.explain(data[:3])


@pytest.mark.parametrize("estimator", ["mean", "logit_mean"])
def test_a_servable_ranks_as_the_library_and_does_nothing_else(folder, tmp_path, estimator):
    model, generator = mach_tf.Ensemble.load(folder / "model"), np.random.default_rng(1)
    X = scipy.sparse.csr_matrix(np.eye(CLASSES, CLASSES + 8) * generator.random((CLASSES, 1)) * 30)
    X = scipy.sparse.vstack([X, X[:1] * 0])
    model.export(tmp_path / "classes" / "1", estimator=estimator)
    served = ServedVersion.load(str(tmp_path / "classes" / "1"), 1)
    assert set(served.specs) == {"serving_default", "sparse"}
    inputs = {"row_splits": X.indptr, "feature_ids": X.indices, "feature_values": X.data.astype(np.float32)}
    found = served.answer(Job("sparse", inputs, CLASSES + 1, CLASSES))
    for scores, name in (("logit", "scores"), ("probability", "probabilities")):
        expected = model.top_k(X, CLASSES, estimator, scores=scores)
        np.testing.assert_array_equal(found["labels"], expected.labels)
        np.testing.assert_allclose(found[name], expected.scores, rtol=1e-6, atol=1e-7)
    assert found["labels"][:CLASSES, 0].tolist() == list(range(CLASSES))


def test_what_has_no_softmax_refuses_it_with_the_reason(folder):
    model, X = mach_tf.Ensemble.load(folder / "model"), np.eye(2, CLASSES + 8)
    with pytest.raises(InputError, match=r"Certificates need a model with task=multilabel .*because the log-odds"):
        mach_tf.certify(model, X, [[0], [1]])
    with pytest.raises(InputError, match=r"Trials of faithfulness need .*because the closed form"):
        faithfulness_trial.run_trial(str(folder / "data"), [str(folder / "model")], TrialOptions())


def test_rankers_are_refused_before_and_after_training(folder, tmp_path):
    with pytest.raises(InputError, match=r"Rankers need a model with task=multilabel .*because their weights"):
        mach_tf.fit(folder / "data", tmp_path / "model", task="multiclass", ranker=True, progress=False)
    assert not (tmp_path / "model").exists()
    with pytest.raises(InputError, match="Rankers need a model with task=multilabel"):
        ranker_training.train(str(folder / "data"), str(folder / "model"), progress=False)


def test_a_point_of_two_labels_is_refused_by_its_number(folder, tmp_path):
    rule = r"exactly one label if task is multiclass \(got 2 labels \(0, 1\) for point 7 of "
    with pytest.raises(InputError, match=rule + "the train split"):
        mach_tf.fit(folder / "two", tmp_path / "model", task="multiclass", progress=False)
    assert not (tmp_path / "model").exists()
    model = mach_tf.Ensemble.load(folder / "model")
    with pytest.raises(InputError, match=rule):
        mach_tf.evaluate(model, str(folder / "two"), force=True)
    with pytest.raises(InputError, match=r"got 2 labels \(2, 3\) for point 1 of"):
        model.attack(np.eye(2, CLASSES + 8), [[0], [2, 3]])
