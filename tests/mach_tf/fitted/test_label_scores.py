from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators
from mach_tf.fitted import label_scores
from mach_tf.network import Network
from tests.helpers import model_directory

FEATURES, LABELS = 60, 90


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("model"))
    model_directory.write(directory, features=FEATURES, labels=LABELS, columns=40)
    return Network.load(directory)


@pytest.fixture(scope="module")
def features(network):
    return network.hash(scipy.sparse.random(23, FEATURES, 0.2, "csr", random_state=0))


def oracle(network, features, estimator):
    scores = estimators.bucket_scores(network.bucket_logits(features), estimator)
    every = np.tile(np.arange(LABELS), (features.shape[0], 1))
    return estimators.label_scores(scores, network.bucket_table, every, estimator)


@pytest.mark.parametrize(("estimator", "block"), itertools.product(estimators.ESTIMATORS, [1, 5000]))
def test_all_scores_are_those_of_the_labels(network, features, estimator, block, monkeypatch):
    monkeypatch.setattr(label_scores, "_BLOCK_SCORES", block)
    found = label_scores.all_scores(network, features, estimator)
    np.testing.assert_array_equal(found, oracle(network, features, estimator))
    assert found.dtype == np.float32


@pytest.mark.parametrize(("estimator", "first"), itertools.product(estimators.ESTIMATORS, [1, 16, 1000]))
def test_labels_above_a_threshold_are_those_whose_probability_is(network, features, estimator, first, monkeypatch):
    monkeypatch.setattr(label_scores, "_FIRST_LABELS", first)
    buckets = network.manifest.bucket_spec.buckets
    scores = oracle(network, features, estimator)
    values = estimators.probabilities(scores, estimator, buckets)
    for threshold in (0.0, float(np.quantile(values, 0.5)), float(np.quantile(values, 0.97)), 1.0):
        found = label_scores.labels_above(network, features, estimator, threshold)
        np.testing.assert_array_equal(found.toarray(), values >= threshold)
        assert found.has_sorted_indices and found.dtype == bool


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("most", [1, 20, 1024])
def test_many_labels_above_a_threshold_are_found_without_long_lists(network, features, estimator, most, monkeypatch):
    monkeypatch.setattr(label_scores, "_MOST_LABELS", most)
    buckets = network.manifest.bucket_spec.buckets
    values = estimators.probabilities(oracle(network, features, estimator), estimator, buckets)
    for threshold in (0.0, float(np.quantile(values, 0.6)), 1.0):
        found = label_scores.labels_above(network, features, estimator, threshold)
        np.testing.assert_array_equal(found.toarray(), values >= threshold)
        assert found.has_sorted_indices and found.dtype == bool


def test_chunks_of_points_give_the_same(network, features, monkeypatch):
    whole = label_scores.labels_above(network, features, "logit_mean", 0.5)
    scores = label_scores.all_scores(network, features, "logit_mean")
    monkeypatch.setattr(Network, "chunk_points", 4)
    np.testing.assert_array_equal(label_scores.all_scores(network, features, "logit_mean"), scores)
    assert (label_scores.labels_above(network, features, "logit_mean", 0.5) != whole).nnz == 0


def test_no_points(network, features):
    assert label_scores.all_scores(network, features[:0], "mean").shape == (0, LABELS)
    assert label_scores.labels_above(network, features[:0], "mean", 0.5).shape == (0, LABELS)


def test_log_probabilities():
    scores = np.array([-800, -3, 0, 40], np.float32)
    found = label_scores.log_probabilities(scores, "logit_mean", 5)
    np.testing.assert_allclose(found, [-800, np.log(1 / (1 + np.exp(3))), np.log(0.5), -np.exp(-40)], rtol=1e-6)
    np.testing.assert_allclose(label_scores.log_probabilities(np.array([0.25, 1]), "min", 5), [np.log(0.25), 0])
    assert np.isfinite(label_scores.log_probabilities(np.zeros(1, np.float32), "mean", 5)).all()


def test_log_probabilities_of_a_mean_are_those_of_the_unbiased_estimate():
    np.testing.assert_allclose(label_scores.log_probabilities(np.array([0.6, 1]), "mean", 5), [np.log(0.5), 0])
