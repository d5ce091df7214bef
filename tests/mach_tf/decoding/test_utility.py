"""Decoding by probability times weight, against scoring and sorting all labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import scipy.special

from mach_tf import estimators
from mach_tf.decoding import added_scores
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.restriction import RestrictedDecoder
from mach_tf.decoding.utility import Utility, grouped
from mach_tf.errors import InputError

POINTS = 70


def problem(labels=90, repetitions=3, buckets=6, spread=3.0, levels=None, seed=0):
    """A decoder and logits; few levels make equal scores."""
    generator = np.random.default_rng(seed)
    decoder = Decoder.of(generator.integers(0, buckets, (repetitions, labels)).astype(np.int32), buckets)
    logits = generator.normal(-2, spread, (POINTS, repetitions, buckets)).astype(np.float32)
    if levels:
        logits = np.round(logits / spread * levels).astype(np.float32) * np.float32(spread / levels)
    return decoder, logits, generator


def brute_force(decoder, logits, utility, k, added=None):
    every = np.tile(np.arange(decoder.labels), (len(logits), 1))
    scores = estimators.label_scores(logits, decoder.table, every, "logit_mean")
    if added is not None:
        scores = scores + added.toarray()
    log_p = scipy.special.log_expit((scores.astype(np.float64) - utility.shift) / utility.scale)
    offsets = utility.scale * utility.log_weights
    values = (utility.shift + utility.scale * log_p + offsets).astype(np.float32)
    values = np.minimum(values, (scores.astype(np.float64) + offsets).astype(np.float32))
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(values, order, axis=1)


def weights_of(generator, labels, kind):
    """Logarithms of weights: few different ones, many, all equal, or one label far above the others."""
    return {
        "classes": np.log(generator.choice([1.0, 2.0, 5.0, 14.0], labels)),
        "many": generator.gamma(2.0, 1.0, labels),
        "equal": np.full(labels, 0.7),
        "one": np.where(np.arange(labels) == 3, 40.0, 0.0),
        "below": -generator.gamma(2.0, 3.0, labels),
    }[kind]


@pytest.mark.parametrize("kind", ["classes", "many", "equal", "one", "below"])
@pytest.mark.parametrize("k", [1, 5, 90])
@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("with_added", [False, True])
def test_it_is_exact(kind, k, levels, with_added):
    decoder, logits, generator = problem(levels=levels)
    added = None
    if with_added:
        dense = np.where(generator.random((POINTS, decoder.labels)) < 0.1, generator.integers(1, 9, (1,)), 0)
        added = scipy.sparse.csr_matrix(dense.astype(np.float32))
    for shift, scale in ((0.0, 1.0), (2.5, 2.25)):
        utility = Utility(weights_of(generator, decoder.labels, kind), shift, scale)
        ranked = decoder.by(utility)
        if with_added:
            found = added_scores.top_k(ranked, logits, added, k, "logit_mean")
        else:
            found = ranked.top_k(logits, k, "logit_mean")
        labels, values = brute_force(decoder, logits, utility, k, added)
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.scores, values)
        assert found.labels.dtype == np.int32 and found.scores.dtype == np.float32


@pytest.mark.parametrize("repetitions, buckets", [(1, 2), (2, 40), (8, 300)])
@pytest.mark.parametrize("spread", [0.01, 3.0, 300.0])
@pytest.mark.parametrize("few_labels", [100, 1 << 14])
def test_it_is_exact_by_search_and_by_scan(monkeypatch, repetitions, buckets, spread, few_labels):
    monkeypatch.setattr("mach_tf.decoding.decode._FEW_LABELS", few_labels)
    for seed in range(3):
        decoder, logits, generator = problem(3000, repetitions, buckets, spread, seed=seed)
        utility = Utility(weights_of(generator, 3000, "many"))
        found = decoder.by(utility).top_k(logits, 5, "logit_mean")
        labels, values = brute_force(decoder, logits, utility, 5)
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.scores, values)


def check_exact_with_few_scored(decoder, logits, utility, limit):
    """The best labels are those of scoring all of them; fewer than `limit` per point are scored, in the mean."""
    found = decoder.by(utility).top_k(logits, 5, "logit_mean")
    assert found.scored.mean() < limit
    labels, _ = brute_force(decoder, logits, utility, 5)
    np.testing.assert_array_equal(found.labels, labels)


def test_searches_and_blocks_bound_most_labels(monkeypatch):
    monkeypatch.setattr("mach_tf.decoding.decode._FEW_LABELS", 100)
    decoder, logits, generator = problem(30_000, 8, 300, 4.0)
    utility = Utility(np.log(generator.choice([1.0, 3.0, 10.0], 30_000)))
    check_exact_with_few_scored(decoder, logits, utility, 6_000)


def test_among_some_labels():
    decoder, logits, generator = problem()
    utility = Utility(weights_of(generator, decoder.labels, "many"), 1.5, 1.75)
    some = np.array([1, 4, 17, 60, 61, 88])
    found = RestrictedDecoder.of(decoder.by(utility), some).top_k(logits, 6, "logit_mean")
    every, _ = brute_force(decoder, logits, utility, decoder.labels)
    expected = [[label for label in row if label in some] for row in every]
    np.testing.assert_array_equal(found.labels, expected)


def test_the_first_repetitions():
    decoder, logits, generator = problem()
    utility = Utility(weights_of(generator, decoder.labels, "many"))
    found = decoder.by(utility).first(2).top_k(logits[:, :2], 5, "logit_mean")
    labels, _ = brute_force(decoder.first(2), logits[:, :2], utility, 5)
    np.testing.assert_array_equal(found.labels, labels)


def test_estimators_of_probabilities_are_refused():
    decoder, logits, _ = problem()
    with pytest.raises(InputError, match=r"needs the estimator logit_mean.*got mean"):
        decoder.by(Utility(np.zeros(decoder.labels))).top_k(estimators.sigmoid(logits), 5, "mean")


@pytest.mark.parametrize("labels", [1, 5, 7, 1000])
@pytest.mark.parametrize("buckets", [1, 2, 7, 50])
@pytest.mark.parametrize("kind", ["classes", "many", "equal", "one"])
def test_groups_bound_the_weights_of_their_labels(labels, buckets, kind):
    offsets = weights_of(np.random.default_rng(0), labels, kind)
    groups, largest = grouped(offsets, buckets)
    assert groups.dtype == np.int32 and len(largest) == buckets
    assert (groups >= 0).all() and (groups < buckets).all()
    assert (largest[groups] >= offsets).all() and (np.diff(largest) <= 0).all()
    for group in np.unique(groups):
        assert largest[group] == offsets[groups == group].max()
    if buckets >= 2 * labels:
        np.testing.assert_array_equal(largest[groups], offsets)


def test_blocks_bound_labels_of_low_weights_by_these():
    """Half of the labels have the low weight; bounded by the high one, nine of ten labels would have to be scored."""
    decoder, logits, generator = problem(10_000, 8, 300)
    check_exact_with_few_scored(decoder, logits, Utility(np.where(generator.random(10_000) < 0.5, 0.0, 1.0)), 1_500)


def test_below_a_floor_utilities_do_not_matter():
    decoder, logits, generator = problem()
    utility = Utility(weights_of(generator, decoder.labels, "many"), 1.5, 1.75)
    scores, labels = logits[:, 0, :1], np.full((POINTS, 1), 7)
    exact = utility.of(scores, labels)
    floors = np.full((POINTS, 1), np.median(exact), np.float32)
    found = utility.of(scores, labels, floors)
    reached = exact >= floors
    np.testing.assert_array_equal(found[reached], exact[reached])
    assert 0 < (~reached).sum() < POINTS and (found[~reached] >= exact[~reached]).all()
    assert (found[found != exact] < floors[found != exact]).all() and (found != exact).any()


def test_no_points():
    decoder, logits, _ = problem()
    found = decoder.by(Utility(np.zeros(decoder.labels))).top_k(logits[:0], 5, "logit_mean")
    assert found.labels.shape == found.scores.shape == (0, 5)
