"""The best labels with all that may be added to scores: label scores are those of labels, however they are ranked."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.decoding.approximate import Approximate
from mach_tf.decoding.best_labels import best_labels
from mach_tf.decoding.decode import Decoder
from mach_tf.decoding.restriction import RestrictedDecoder
from mach_tf.decoding.utility import Utility
from mach_tf.errors import InputError
from mach_tf.positive_products import PositiveProducts

POINTS, LABELS, REPETITIONS, BUCKETS, COLUMNS = 9, 40, 3, 6, 5


class Added:
    """Adds w_l . x to label scores, as a ranker does."""

    def __init__(self, weights):
        self._products = PositiveProducts(weights)

    def most_entries(self, features):
        return self._products.most_entries(features)

    def added(self, features):
        return self._products.of(features)


@pytest.fixture
def problem():
    """A decoder, its sketches, features of the points, and what is added to their label scores."""
    generator = np.random.default_rng(0)
    decoder = Decoder.of(generator.integers(0, BUCKETS, (REPETITIONS, LABELS)).astype(np.int32), BUCKETS)
    sketch = generator.normal(-2, 2, (POINTS, REPETITIONS, BUCKETS)).astype(np.float32)
    features = scipy.sparse.random(POINTS, COLUMNS, 0.6, "csr", np.float32, generator)
    weights = scipy.sparse.random(LABELS, COLUMNS, 0.3, "csr", np.float32, generator) * np.float32(4)
    return decoder, sketch, features, Added(scipy.sparse.csr_matrix(weights))


@pytest.mark.parametrize("with_utility", [False, True])
@pytest.mark.parametrize("with_added", [False, True])
@pytest.mark.parametrize("some", [None, [3, 8, 21, 30, 39]])
def test_label_scores_are_those_of_labels(problem, with_utility, with_added, some):
    decoder, sketch, features, added = problem
    utility = Utility(np.random.default_rng(1).normal(0, 2, LABELS), 1.0, 1.5)
    ranked = decoder.by(utility) if with_utility else decoder
    if some is not None:
        ranked = RestrictedDecoder.of(ranked, np.array(some))
    found = best_labels(ranked, sketch, features, 5, "logit_mean", [added] if with_added else [])
    every = decoder.label_scores(sketch, np.tile(np.arange(LABELS), (POINTS, 1)), "logit_mean")
    every = every + (added.added(features).toarray() if with_added else 0)
    np.testing.assert_array_equal(found.scores, np.take_along_axis(every, found.labels, axis=1))
    values = utility.of(every, np.arange(LABELS)) if with_utility else every
    left_out = np.setdiff1d(np.arange(LABELS), np.arange(LABELS) if some is None else some)
    values[:, left_out] = -np.inf
    np.testing.assert_array_equal(found.labels, np.argsort(-values, axis=1, kind="stable")[:, :5])


def test_approximate_decoding_is_of_the_ensemble_alone(problem):
    decoder, sketch, features, added = problem
    approximate = Approximate(BUCKETS, 1)
    found = best_labels(decoder, sketch, features, 5, "logit_mean", approximate=approximate)
    np.testing.assert_array_equal(found.labels, decoder.top_k(sketch, 5, "logit_mean").labels)
    for ranked, sources in (
        (decoder, [added]),
        (decoder.by(Utility(np.zeros(LABELS))), []),
        (RestrictedDecoder.of(decoder, np.arange(5)), []),
    ):
        with pytest.raises(InputError, match="approximate needs a model opened with ranker=False"):
            best_labels(ranked, sketch, features, 5, "logit_mean", sources, approximate)
