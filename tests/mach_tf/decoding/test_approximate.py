"""Approximate decoding against its definition in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.decoding.approximate import Approximate, recall
from mach_tf.decoding.decode import Decoder


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize(("buckets", "needed"), [(1, 1), (3, 1), (3, 2), (5, 4), (20, 4)])
def test_it_ranks_the_labels_in_the_top_buckets_of_enough_repetitions(estimator, buckets, needed):
    generator = np.random.default_rng(buckets)
    table = generator.integers(0, 20, (4, 200)).astype(np.int32)
    scores = estimators.bucket_scores(generator.normal(size=(5, 4, 20)), estimator)
    found = Approximate(buckets, needed).top_k(Decoder.of(table, 20), scores, 6, estimator)
    every = estimators.label_scores(scores, table, np.broadcast_to(np.arange(200), (5, 200)), estimator)
    for point in range(5):
        top = np.argsort(-scores[point], axis=1)[:, :buckets]
        looked_at = [label for label in range(200) if sum(table[r, label] in top[r] for r in range(4)) >= needed]
        expected = sorted(looked_at, key=lambda label: (-every[point, label], label))[:6]
        assert found.labels[point].tolist() == expected + [-1] * (6 - len(expected))
        np.testing.assert_array_equal(found.scores[point, : len(expected)], every[point, expected])
        assert found.scored[point] == len(looked_at)


def test_recall_counts_exact_labels_that_were_found():
    assert recall(np.array([[3, 1], [5, -1]]), np.array([[1, 2], [5, 6]])) == pytest.approx(0.5)


@pytest.mark.parametrize("settings", [(0, 1), (1, 0)])
def test_nothing_to_look_at_is_refused(settings):
    with pytest.raises(ValueError, match="must be at least 1"):
        Approximate(*settings)
