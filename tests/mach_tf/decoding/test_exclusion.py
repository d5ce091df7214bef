"""The best labels among those that are not excluded, against sorting all scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators
from mach_tf.decoding.approximate import Approximate
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.exclusion import ExcludingDecoder, decode_without

POINTS, REPETITIONS, BUCKETS, LABELS = 12, 3, 7, 40


@pytest.fixture(scope="module")
def decoder():
    table = np.random.default_rng(0).integers(0, BUCKETS, (REPETITIONS, LABELS)).astype(np.int32)
    return Decoder.of(table, BUCKETS)


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(1).random((POINTS, REPETITIONS, BUCKETS)).astype(np.float32)


def exclude(density):
    """Excludes labels of each point with this probability, all but one of the second, and none of the first."""
    excluded = np.random.default_rng(2).random((POINTS, LABELS)) < density
    excluded[0], excluded[1] = False, np.arange(LABELS) != 17
    return excluded


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("density", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("k", [1, 5, LABELS])
def test_the_order_is_that_of_all_other_labels(decoder, scores, estimator, density, k):
    excluded = exclude(density)
    found = ExcludingDecoder(decoder, scipy.sparse.csr_matrix(excluded)).top_k(scores, k, estimator)
    every = estimators.label_scores(scores, decoder.table, np.tile(np.arange(LABELS), (POINTS, 1)), estimator)
    for point in range(POINTS):
        order = [label for label in np.argsort(-every[point], kind="stable") if not excluded[point, label]][:k]
        missing = k - len(order)
        assert found.labels[point].tolist() == order + [-1] * missing
        assert found.scores[point].tolist() == [*every[point, order].tolist(), *[-np.inf] * missing]
    assert found.labels.dtype == np.int32 and found.scores.dtype == np.float32 and found.labels.shape == (POINTS, k)


def test_nothing_excluded_decodes_once_as_asked(decoder, scores):
    asked = []

    def decode(k):
        asked.append(k)
        return decoder.top_k(scores, k, "mean")

    for excluded in (None, scipy.sparse.csr_matrix((POINTS, LABELS))):
        decode_without(excluded, decode, 5)
    assert asked == [5, 5]


def test_an_approximate_decoder_may_find_fewer(decoder, scores):
    excluded = scipy.sparse.csr_matrix(exclude(0.2))
    approximate = Approximate(1, 1)
    found = decode_without(excluded, lambda k: approximate.top_k(decoder, scores, k, "mean"), 8)
    present = found.labels >= 0
    assert present.any() and not present.all() and (found.scores[~present] == -np.inf).all()
    assert (np.sort(~present, axis=1) == ~present).all()  # what is missing comes last
    assert not excluded[np.nonzero(present)[0], found.labels[present]].any()
