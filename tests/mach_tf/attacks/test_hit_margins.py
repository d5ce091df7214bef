"""The margins of hits against the number of true labels in the top k, by brute force."""

import numpy as np
import pytest
import scipy.sparse

from mach_tf import estimators
from mach_tf.attacks import hit_margins
from mach_tf.attacks.targets import NO_TARGET
from mach_tf.buckets import BucketSpec
from mach_tf.points import from_csr
from tests.helpers.tiny_ensemble import BruteForceDecoder

TABLE = BucketSpec(7, 4).table(30)
DECODER = BruteForceDecoder(TABLE, 7)


def problem(seed=0, density=0.2):
    """Logits of 40 points; the first has no label, the second all."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((40, 4, 7)).astype(np.float32)
    truth = rng.random((40, 30)) < density
    truth[0], truth[1] = False, True
    points = from_csr(scipy.sparse.csr_matrix((40, 5), dtype=np.float32), scipy.sparse.csr_matrix(truth))
    return logits, truth, points


def all_scores(logits, estimator):
    every = np.broadcast_to(np.arange(30), (len(logits), 30))
    return estimators.label_scores(estimators.bucket_scores(logits, estimator), TABLE, every, estimator)


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS)
@pytest.mark.parametrize("k", [1, 3, 10, 29])
def test_the_best_labels_of_each_kind(estimator, k):
    logits, truth, points = problem()
    scores, bucket_scores = all_scores(logits, estimator), estimators.bucket_scores(logits, estimator)
    false = hit_margins.best_false(DECODER, bucket_scores, points, k, 30, estimator)
    true = hit_margins.ranked_true(bucket_scores, TABLE, points, estimator)
    ranked = np.argsort(-scores, axis=1, kind="stable")
    for point in range(40):
        for found, kind in ((false[point], ~truth[point]), (true[point], truth[point])):
            expected = [label for label in ranked[point] if kind[label]][: len(found)]
            assert found.tolist() == expected + [NO_TARGET] * (len(found) - len(expected))


@pytest.mark.parametrize("estimator", ["logit_mean", "mean"])
@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_worth_counts_the_hits_that_are_left(estimator, k):
    """It lies in (-hits - 1, -hits], or above 0 where none is left."""
    logits, truth, points = problem(1)
    found = hit_margins.next_loss(DECODER, logits, TABLE, points, k, estimator)
    ranked = np.argsort(-all_scores(logits, estimator), axis=1, kind="stable")[:, :k]
    left = np.take_along_axis(truth, ranked, axis=1).sum(axis=1)
    for point in range(2, 40):
        if left[point]:
            assert -left[point] - 1 < found.worth[point] <= -left[point]
        else:
            assert found.worth[point] > 0
        assert truth[point, found.true[point]] and not truth[point, found.false[point]]
    assert len(set(left[2:])) > 1
    assert found.true[0] == NO_TARGET and found.false[1] == NO_TARGET
    assert not found.worth[:2].any()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_following_the_margins_loses_every_hit(k):
    """Each label has a bucket of its own. The two labels approach each other, by small steps, as an attack moves them."""
    table = np.arange(30)[None].astype(np.int32)
    rng = np.random.default_rng(k)
    logits = rng.standard_normal((30, 1, 30)).astype(np.float32)
    truth = rng.random((30, 30)) < 0.3
    points = from_csr(scipy.sparse.csr_matrix((30, 5), dtype=np.float32), scipy.sparse.csr_matrix(truth))
    rows = np.arange(30)
    for _ in range(300):
        found = hit_margins.next_loss(BruteForceDecoder(table, 30), logits, table, points, k, "logit_mean")
        if (found.worth > 0).all():
            break
        logits[rows, 0, found.false] += np.float32(0.1)
        logits[rows, 0, found.true] -= np.float32(0.1)
    ranked = np.argsort(-logits[:, 0], axis=1, kind="stable")[:, :k]
    assert not np.take_along_axis(truth, ranked, axis=1).any()
