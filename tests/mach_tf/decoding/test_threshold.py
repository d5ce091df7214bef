"""Searching by mean: exact where it does not give up, and it gives up where its budget says so."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.buckets import invert
from mach_tf.decoding.best_list import NO_LABEL, BestList
from mach_tf.decoding.table import both_ways
from mach_tf.decoding.threshold import _SLOTS, _count_gains, _Gains, _remove, _Visits, search_mean

WIDTH, COUNT = 60, 2500


def search(logits, budget, k=5):
    table = np.random.default_rng(0).integers(0, WIDTH, (logits.shape[1], COUNT)).astype(np.int32)
    both = both_ways(table, invert(table, WIDTH))
    best = BestList(np.empty((len(logits), k), np.int32), np.empty((len(logits), k), np.float32))
    scored = search_mean(logits, both, np.arange(len(logits)), budget, best)
    expected = estimators.label_scores(logits, table, np.tile(np.arange(COUNT), (len(logits), 1)), "logit_mean")
    return scored, best.labels, np.argsort(-expected, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("repetitions", [1, 3, 16])
@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("peaks", [0, 1, 5, 40])
@pytest.mark.parametrize("rounded", [True, False])
def test_what_it_finds_is_exact(repetitions, spread, peaks, rounded):
    generator = np.random.default_rng(peaks)
    logits = generator.normal(-8, spread, (12, repetitions, WIDTH)).astype(np.float32)
    for point in range(12):
        for r in range(repetitions):
            logits[point, r, generator.integers(0, WIDTH, peaks)] = generator.normal(0, 1)
    logits = np.round(logits) if rounded else logits
    scored, labels, expected = search(logits, budget=1e9)
    done = scored >= 0
    np.testing.assert_array_equal(labels[done], expected[done])
    if peaks == 5 and spread < 1 and not rounded:
        assert done.all()


def test_among_many_equal_buckets_the_smallest_labels_are_found():
    generator = np.random.default_rng(2)
    # 18 buckets hold the first 750 labels or so; the rest of the 790 is in 40 equal ones.
    values = np.concatenate([np.linspace(3, 2, 18), np.ones(40), np.zeros(2)])
    logits = np.stack([generator.permutation(values)[None] for _ in range(12)]).astype(np.float32)
    scored, labels, expected = search(logits, 1e9, 790)
    done = scored >= 0
    assert done.sum() >= 10
    np.testing.assert_array_equal(labels[done], expected[done])


def test_no_budget_no_search():
    logits = np.random.default_rng(0).normal(size=(3, 4, WIDTH)).astype(np.float32)
    scored, _, _ = search(logits, budget=0.0)
    assert (scored < 0).all() and (scored >= -30).all()


@pytest.mark.parametrize("k", [1, 100, COUNT])
def test_many_labels_asked_for(k):
    logits = np.random.default_rng(1).normal(0, 3, (4, 5, WIDTH)).astype(np.float32)
    scored, labels, expected = search(logits, 1e9, k)
    np.testing.assert_array_equal(labels[scored >= 0], expected[scored >= 0])


@pytest.mark.parametrize("stages", [[(3, 1, 0)], [(2, 0, 0), (3, 1, 4)], [(0, 0, 1), (0, 0, 1), (20, 15, 10)]])
def test_each_visit_counts_once_and_the_labels_that_gained_most_are_known(stages):
    generator = np.random.default_rng(3)
    table = generator.integers(0, WIDTH, (3, COUNT)).astype(np.int32)
    both = both_ways(table, invert(table, WIDTH))
    scores = generator.normal(size=(3, WIDTH)).astype(np.float32)
    ranked = np.argsort(-scores, axis=1).astype(np.int32)
    best, typical = np.take_along_axis(scores, ranked, axis=1), np.array([-0.5, 0.0, 0.5], np.float32)
    gains = _Gains(np.zeros(_SLOTS, np.float32), np.zeros(3, np.int64), typical, BestList.empty(10))
    for depth in stages:
        _count_gains(both, _Visits(np.array(depth), np.full(3, WIDTH), ranked, best, np.zeros(3, np.float32)), gains)
    candidates, candidate_gains = gains.candidates
    expected = np.zeros(COUNT)
    for r, count in enumerate(stages[-1]):
        visited = np.isin(table[r], ranked[r, :count])
        expected += np.where(visited, scores[r, table[r]] - typical[r], 0)
    np.testing.assert_allclose(gains.sums[:COUNT], expected, atol=1e-5)
    assert len(set(candidates)) == 10
    np.testing.assert_allclose(candidate_gains, np.sort(expected)[::-1][:10], atol=1e-5)
    np.testing.assert_allclose(expected[candidates], candidate_gains, atol=1e-5)


@pytest.mark.parametrize(
    ("label", "left"), [(7, [5, 9, NO_LABEL]), (9, [7, 5, NO_LABEL]), (5, [7, 9, NO_LABEL]), (1, [7, 5, 9])]
)
def test_a_label_is_removed_from_a_list(label, left):
    labels, values = np.array([7, 5, 9], np.int32), np.array([3, 2, 1], np.float32)
    of = dict(zip(labels, values)) | {NO_LABEL: -np.inf}
    _remove(BestList(labels, values), label)
    assert labels.tolist() == left and values.tolist() == [of[one] for one in left]
