"""Estimators and exact top k against SciPy, the standard library and a full sort."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
import scipy.special

from mach_tf import buckets, estimators
from mach_tf.decoding import decode


def random_sketch(points=4, repetitions=3, width=10, labels=40, seed=0):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, width, (repetitions, labels)).astype(np.int32)
    logits = generator.normal(-2, 3, (points, repetitions, width)).astype(np.float32)
    return logits, table, buckets.invert(table, width)


@pytest.mark.parametrize("estimator", ["mean", "min", "median"])
def test_bucket_scores_are_the_sigmoid(estimator):
    logits = np.array([-1e30, -200, -1, 0, 1, 200, 1e30], np.float32)
    np.testing.assert_allclose(estimators.bucket_scores(logits, estimator), scipy.special.expit(logits), rtol=1e-6)


def test_bucket_scores_of_logit_mean_are_the_logits():
    logits = random_sketch()[0]
    np.testing.assert_array_equal(estimators.bucket_scores(logits, "logit_mean"), logits)


@pytest.mark.parametrize("repetitions", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(
    ("estimator", "oracle"),
    [("mean", statistics.fmean), ("logit_mean", statistics.fmean), ("min", min), ("median", statistics.median)],
)
def test_combine_is_the_statistic_of_the_values(estimator, oracle, repetitions):
    values = np.random.default_rng(1).normal(size=(5, repetitions)).astype(np.float32)
    expected = [oracle([float(v) for v in row]) for row in values]
    np.testing.assert_allclose(estimators.combine(values, estimator), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_label_scores_look_up_each_labels_buckets(estimator):
    logits, table, _ = random_sketch()
    scores = estimators.bucket_scores(logits, estimator)
    labels = np.array([[0, 39, 3], [5, 5, 1], [7, 8, 9], [2, 0, 2]])
    got = estimators.label_scores(scores, table, labels, estimator)
    for point, row in enumerate(labels):
        for column, label in enumerate(row):
            values = np.array([scores[point, r, table[r, label]] for r in range(len(table))])
            assert got[point, column] == estimators.combine(values, estimator)


def test_the_reported_mean_estimates_a_labels_own_probability_without_bias():
    # One label has probability 0.5, another 1; over random tables the estimate of the first averages to 0.5.
    generator = np.random.default_rng(3)
    width, estimates = 4, []
    for _ in range(20_000):
        own, other = generator.integers(0, width, 2)
        estimates.append(0.5 + (1.0 if other == own else 0.0))
    # Theorem 1 is about count-min bucket sums of a label vector that sums to one.
    total = 1.5
    unbiased = estimators.reported(np.array(estimates) / total, "mean", width).mean() * total
    assert unbiased == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("estimator", ["min", "median", "logit_mean"])
def test_other_estimators_are_reported_as_they_are(estimator):
    values = np.array([-1.5, 0.25], np.float32)
    np.testing.assert_array_equal(estimators.reported(values, estimator, 10), values)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_probabilities_keep_the_order_and_lie_in_the_unit_interval(estimator):
    scores = np.linspace(-4, 4, 50) if estimator == "logit_mean" else np.linspace(0, 1, 50)
    got = estimators.probabilities(scores.astype(np.float32), estimator, 8)
    assert got.min() > 0 and got.max() <= 1
    assert (np.diff(got) > 0).all()


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
def test_probabilities_are_positive_for_the_most_extreme_scores(estimator):
    scores = np.array([-3e38, -1000, 1000, 3e38] if estimator == "logit_mean" else [0, 1e-45, 1], np.float32)
    got = estimators.probabilities(scores, estimator, 2)
    assert got.min() > 0 and got.max() == 1 and (np.diff(got) >= 0).all()


def test_probabilities_keep_apart_what_float32_rounds_to_one():
    found = estimators.probabilities(np.array([-3, 0, 20, 20.5, 30], np.float32), "logit_mean", 10)
    assert (np.diff(found) > 0).all() and found[1] == 0.5


@pytest.mark.parametrize("buckets", [2, 3, 100])
def test_the_probability_of_a_mean_is_the_unbiased_estimate_where_most_of_the_mean_is_the_labels_own(buckets):
    means = np.linspace(0, 1, 1001)
    found = estimators.probabilities(means, "mean", buckets)
    large = means >= 2 / buckets
    np.testing.assert_allclose(found[large], estimators.reported(means, "mean", buckets)[large], rtol=1e-6)
    assert (found >= estimators.reported(means, "mean", buckets) - 1e-7).all() and (np.diff(found) > 0).all()


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("k", [1, 5, 40])
def test_top_k_is_the_head_of_a_full_sort(estimator, k):
    logits, table, members = random_sketch(points=6)
    # Few distinct values make ties.
    scores = np.round(estimators.bucket_scores(logits, estimator), 1)
    labels, values = decode.top_k(scores, table, members, k, estimator)
    for point in range(len(scores)):
        every = estimators.label_scores(scores[point : point + 1], table, np.arange(40)[None], estimator)[0]
        expected = sorted(range(40), key=lambda label: (-every[label], label))[:k]
        assert labels[point].tolist() == expected
        np.testing.assert_array_equal(values[point], every[expected])
    assert labels.dtype == np.int32 and values.dtype == np.float32


@pytest.mark.parametrize("k", [0, 41])
def test_k_out_of_range_is_refused(k):
    logits, table, members = random_sketch()
    with pytest.raises(ValueError, match=r"k must be in \[1, 40\]"):
        decode.top_k(logits, table, members, k, "logit_mean")


def test_an_unknown_estimator_is_refused():
    with pytest.raises(ValueError, match="estimator must be one of"):
        estimators.bucket_scores(np.zeros(3), "max")
