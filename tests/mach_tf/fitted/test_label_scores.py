from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators
from mach_tf.decoding import added_scores
from mach_tf.fitted import label_scores
from mach_tf.logit_scale import LogitScale
from mach_tf.network import Network
from tests.helpers import model_directory, rankers

FEATURES, LABELS = 60, 90


@pytest.fixture(scope="module", params=[False, True], ids=["ensemble", "ranker"])
def network(request, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("model") / "model")
    os.mkdir(directory)
    model_directory.write(directory, features=FEATURES, labels=LABELS, columns=40)
    if not request.param:
        return Network.load(directory)
    return Network.load(rankers.with_ranker(directory, f"{directory}-ranked", LABELS, 40))


@pytest.fixture(scope="module")
def features(network):
    return network.hash(scipy.sparse.random(23, FEATURES, 0.2, "csr", random_state=0))


def oracle(network, features, estimator):
    scores = estimators.bucket_scores(network.bucket_logits(features), estimator)
    every = np.tile(np.arange(LABELS), (features.shape[0], 1))
    found = estimators.label_scores(scores, network.bucket_table, every, estimator)
    for source in network.added_scores(estimator):
        assert estimator == "logit_mean" and source.added(features).nnz > 100
        found = found + source.added(features).toarray()
    return found


def probabilities(network, features, estimator):
    buckets = network.manifest.bucket_spec.buckets
    return estimators.probabilities(oracle(network, features, estimator), estimator, buckets, network.logit_scale)


@pytest.mark.parametrize(("estimator", "block"), itertools.product(estimators.ESTIMATORS, [1, 5000]))
def test_all_scores_are_those_of_the_labels(network, features, estimator, block, monkeypatch):
    monkeypatch.setattr(label_scores, "_BLOCK_SCORES", block)
    found = label_scores.all_scores(network, features, estimator)
    np.testing.assert_array_equal(found, oracle(network, features, estimator))
    assert found.dtype == np.float32


def test_what_is_added_comes_for_some_points_at_a_time(network, features, monkeypatch):
    monkeypatch.setattr(added_scores, "_ENTRIES", 100)
    expected = oracle(network, features, "logit_mean")
    np.testing.assert_array_equal(label_scores.all_scores(network, features, "logit_mean"), expected)


@pytest.mark.parametrize(("estimator", "first"), itertools.product(estimators.ESTIMATORS, [1, 16, 1000]))
def test_labels_above_a_threshold_are_those_whose_probability_is(network, features, estimator, first, monkeypatch):
    monkeypatch.setattr(label_scores, "_FIRST_LABELS", first)
    values = probabilities(network, features, estimator)
    for threshold in (0.0, float(np.quantile(values, 0.5)), float(np.quantile(values, 0.97)), 1.0):
        found = label_scores.labels_above(network, features, estimator, threshold)
        np.testing.assert_array_equal(found.toarray(), values >= threshold)
        assert found.has_sorted_indices and found.dtype == bool


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("most", [1, 20, 1024])
def test_many_labels_above_a_threshold_are_found_without_long_lists(network, features, estimator, most, monkeypatch):
    monkeypatch.setattr(label_scores, "_MOST_LABELS", most)
    values = probabilities(network, features, estimator)
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
    line = LogitScale(1.0, 2.0)
    np.testing.assert_allclose(label_scores.log_probabilities(scores, "logit_mean", 5, line)[2], -np.log1p(np.exp(0.5)))
    np.testing.assert_allclose(label_scores.log_probabilities(np.array([0.25]), "min", 5, line), [np.log(0.25)])


def test_log_probabilities_of_a_mean_are_those_of_the_unbiased_estimate():
    np.testing.assert_allclose(label_scores.log_probabilities(np.array([0.6, 1]), "mean", 5), [np.log(0.5), 0])
