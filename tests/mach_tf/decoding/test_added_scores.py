"""The best labels by a sum of two scores, against adding and sorting them all."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators
from mach_tf.decoding import added_scores
from mach_tf.decoding.best_list import NO_LABEL
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.utility import Utility
from mach_tf.errors import InputError
from mach_tf.ranker.ranker import Ranker

REPETITIONS, BUCKETS, LABELS, POINTS = 3, 6, 80, 12
EVERY = np.tile(np.arange(LABELS), (POINTS, 1))


def problem(levels, density, seed=0):
    """A decoder, bucket scores and added scores; few levels make equal sums, which the smaller label wins."""
    generator = np.random.default_rng(seed)
    decoder = Decoder.of(generator.integers(0, BUCKETS, (REPETITIONS, LABELS)).astype(np.int32), BUCKETS)
    scores = (generator.integers(0, levels, (POINTS, REPETITIONS, BUCKETS)) / levels).astype(np.float32)
    dense = np.where(generator.random((POINTS, LABELS)) < density, generator.integers(0, levels, (POINTS, LABELS)), 0)
    dense[0] = 0
    added = scipy.sparse.csr_matrix((dense / levels).astype(np.float32))
    return decoder, scores, added


def brute_force(decoder, scores, added, k, estimator):
    sums = estimators.label_scores(scores, decoder.table, EVERY, estimator) + added.toarray()
    order = np.argsort(-sums, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(sums, order, axis=1)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("k", [1, 5, LABELS])
@pytest.mark.parametrize("levels", [2, 1000])
@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
def test_it_is_exact(estimator, k, levels, density):
    decoder, scores, added = problem(levels, density)
    found = added_scores.top_k(decoder, scores, added, k, estimator)
    labels, sums = brute_force(decoder, scores, added, k, estimator)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.scores, sums)
    assert found.labels.dtype == np.int32 and found.scores.dtype == np.float32
    assert (found.scored >= decoder.top_k(scores, k, estimator).scored).all()


def test_a_label_that_is_lifted_to_the_worst_sum_wins_by_its_number():
    """Label 3 is lifted to 1, which label 5 has by itself: the smaller number is the second best."""
    decoder = Decoder.of(np.array([[2, 1, 2, 1, 2, 0]], np.int32), 3)
    added = scipy.sparse.csr_matrix(np.array([[0, 1, 0, 0.5, 0, 0]], np.float32))
    found = added_scores.top_k(decoder, np.array([[[1, 0.5, 0]]], np.float32), added, 2, "mean")
    assert found.labels.tolist() == [[1, 3]] and found.scores.tolist() == [[1.5, 1.0]]


def test_nothing_added_changes_nothing():
    decoder, scores, added = problem(1000, 0.0)
    found, plain = added_scores.top_k(decoder, scores, added, 4, "mean"), decoder.top_k(scores, 4, "mean")
    for one, other in zip(found, plain):
        np.testing.assert_array_equal(one, other)


def test_no_points():
    decoder, scores, added = problem(10, 0.5)
    found = added_scores.top_k(decoder, scores[:0], added[:0], 4, "mean")
    assert found.labels.shape == found.scores.shape == (0, 4)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_scores_that_would_not_be_exact_are_refused(value):
    decoder, scores, added = problem(10, 0.5)
    added.data[3] = value
    with pytest.raises(InputError, match="must be 0 or more, and finite"):
        added_scores.top_k(decoder, scores, added, 4, "mean")
    with pytest.raises(InputError, match=r"added scores must be \[12, 80\] \(got \[12, 79\]\)"):
        added_scores.top_k(decoder, scores, added[:, 1:], 4, "mean")


class Source:
    """Adds given scores; the features of a point are its number alone. Searched well, it finds the labels that most is added to, and else others."""

    def __init__(self, added, well=True):
        self.of_points, self.well, self.most = added.toarray(), well, 0

    def _rows(self, features):
        return self.of_points[features.indices]

    def most_entries(self, features):
        return np.count_nonzero(self._rows(features), axis=1)

    def at(self, features, labels):
        return np.take_along_axis(self._rows(features), labels, axis=1)

    def best(self, features, k):
        rows = self._rows(features)
        order = np.argsort(-rows if self.well else rows, axis=1, kind="stable")[:, :k]
        return np.where(np.take_along_axis(rows, order, axis=1) > 0, order, NO_LABEL).astype(np.int32)

    def largest(self, features, floors, labels):
        rows = self._rows(features)
        kept = ~(rows < floors[:, None])
        np.put_along_axis(kept, labels, True, axis=1)
        self.most = max(self.most, int(np.count_nonzero(kept & (rows > 0), axis=1).max()))
        return scipy.sparse.csr_matrix(np.where(kept, rows, 0))


@pytest.mark.parametrize("entries", [1, 100, 1 << 22])
@pytest.mark.parametrize("k", [1, 5, LABELS])
@pytest.mark.parametrize("levels", [2, 1000])
@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("weights", [None, 0.0, 3.0])
@pytest.mark.parametrize("well", [False, True])
def test_the_same_labels_and_sums_by_a_search_of_what_is_added(monkeypatch, entries, k, levels, density, weights, well):
    monkeypatch.setattr(added_scores, "_ENTRIES", entries)
    decoder, scores, added = problem(levels, density, 1)
    if weights is not None:
        decoder = decoder.by(Utility(np.random.default_rng(2).normal(0, weights, LABELS), 0.5, 1.5))
    features, source = scipy.sparse.identity(POINTS, np.float32, "csr"), Source(added, well)
    found = added_scores.top_k_of(decoder, scores, source, features, k, "logit_mean")
    expected = added_scores.top_k(decoder, scores, added, k, "logit_mean")
    for name in ("labels", "scores", "scanned"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.scored <= expected.scored).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("k", [1, LABELS])
def test_a_search_refuses_what_would_not_be_exact(value, k):
    decoder, scores, added = problem(10, 0.5)
    added.data[3] = value
    features = scipy.sparse.identity(POINTS, np.float32, "csr")
    with pytest.raises(InputError, match="must be 0 or more, and finite"):
        added_scores.top_k_of(decoder, scores, Source(added), features, k, "mean")


def test_what_cannot_change_the_best_labels_is_not_made():
    """Where both scores agree about the best label, no other one can be lifted above it."""
    decoder, scores, _ = problem(1000, 0.0)
    source = Source(scipy.sparse.csr_matrix(decoder.label_scores(scores, EVERY, "mean")))
    features = scipy.sparse.identity(POINTS, np.float32, "csr")
    found = added_scores.top_k_of(decoder, scores, source, features, 1, "mean")
    np.testing.assert_array_equal(found.labels, decoder.top_k(scores, 1, "mean").labels)
    assert source.most < 5


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("k", [1, 3])
def test_labels_without_added_scores_do_not_make_all_others_candidates(estimator, k):
    """The best labels by their scores get nothing, so that every other one could be better than they are: those that much is added to say which are."""
    decoder, scores, _ = problem(1000, 0.0)
    dense = np.random.default_rng(3).uniform(0.1, 30, (POINTS, LABELS)).astype(np.float32)
    np.put_along_axis(dense, decoder.top_k(scores, k, estimator).labels, 0, axis=1)
    source, added = Source(scipy.sparse.csr_matrix(dense)), scipy.sparse.csr_matrix(dense)
    features = scipy.sparse.identity(POINTS, np.float32, "csr")
    found = added_scores.top_k_of(decoder, scores, source, features, k, estimator)
    labels, sums = brute_force(decoder, scores, added, k, estimator)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.scores, sums)
    assert source.most < LABELS / 4


def test_of_what_is_sought_the_best_labels_count():
    """Of four labels sought for each one wanted three are bad, and of some points fewer are found."""
    decoder, scores, _ = problem(1000, 0.0)
    dense = np.random.default_rng(3).uniform(0.1, 30, (POINTS, LABELS)).astype(np.float32)
    np.put_along_axis(dense, decoder.top_k(scores, 2, "mean").labels, 0, axis=1)
    source = Source(scipy.sparse.csr_matrix(dense))
    order = np.argsort(-dense, axis=1).astype(np.int32)

    def best(features, k):
        found = np.concatenate([order[features.indices, :2], order[features.indices, 2 - k :]], axis=1)
        return np.where(features.indices[:, None] % 2 & (np.arange(k) >= 2), NO_LABEL, found)

    source.best = best
    features = scipy.sparse.identity(POINTS, np.float32, "csr")
    found = added_scores.top_k_of(decoder, scores, source, features, 2, "mean")
    np.testing.assert_array_equal(
        found.labels, brute_force(decoder, scores, scipy.sparse.csr_matrix(dense), 2, "mean")[0]
    )
    assert source.most < LABELS / 8


@pytest.mark.parametrize("values", [[-np.inf], [np.inf], [-np.inf, np.inf]])
@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_infinite_scores(values, share, seed):
    """The difference between the worst sum and the worst score may not be a number, and of both infinities no sum is."""
    decoder, scores, added = problem(1000, 0.5)
    generator = np.random.default_rng(seed)
    scores = np.where(generator.random(scores.shape) < share, generator.choice(values, scores.shape), scores)
    features = scipy.sparse.identity(POINTS, np.float32, "csr")
    found = added_scores.top_k_of(decoder, scores, Source(added), features, 3, "logit_mean")
    expected = added_scores.top_k(decoder, scores, added, 3, "logit_mean")
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_a_sum_that_rounding_lifts_to_the_worst_one_is_found():
    """Label 1 needs half of what label 2 is ahead of it: numbers from 2^14 on are multiples of 2^-9. The smaller label wins."""
    decoder = Decoder.of(np.array([[0, 1, 2, 3]], np.int32), 4)
    scores = np.array([[[2**14, 2**14, 2**14 + 2**-9, 0]]], np.float32)
    source = Source(scipy.sparse.csr_matrix(np.array([[1, 0.51 * 2**-9, 0, 0]], np.float32)))
    found = added_scores.top_k_of(decoder, scores, source, scipy.sparse.identity(1, np.float32, "csr"), 2, "mean")
    assert decoder.top_k(scores, 2, "mean").labels.tolist() == [[2, 0]] and found.labels.tolist() == [[0, 1]]
    assert found.scores.tolist() == [[2**14 + 1, 2**14 + 2**-9]]


def test_the_order_of_a_points_columns_changes_no_bit():
    decoder, scores, _ = problem(1000, 0.0)
    ascending = scipy.sparse.random(POINTS, 30, 0.5, "csr", np.float32, np.random.default_rng(3)).sorted_indices()
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in zip(ascending.indptr[:-1], ascending.indptr[1:])])
    descending = scipy.sparse.csr_matrix(
        (ascending.data[order], ascending.indices[order], ascending.indptr), ascending.shape
    )
    assert not descending.has_sorted_indices
    ranker = Ranker(scipy.sparse.random(LABELS, 30, 0.5, "csr", np.float32, np.random.default_rng(4)))
    for features in (ascending, descending):
        (_, added), *others = added_scores.parts([ranker], features)
        found = added_scores.top_k_of(decoder, scores, ranker, features, 5, "mean")
        expected = added_scores.top_k(decoder, scores, added, 5, "mean")
        assert not others
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(added.toarray(), ranker.added(ascending).toarray())
