"""Searching by mean: exact where it does not give up, and it gives up where its budget says so."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import sketch
from mach_tf.buckets import invert
from mach_tf.threshold import search_mean

WIDTH, COUNT = 60, 2500


def search(logits, budget, k=5):
    table = np.random.default_rng(0).integers(0, WIDTH, (logits.shape[1], COUNT)).astype(np.int32)
    members = invert(table, WIDTH)
    by_label = np.ascontiguousarray(table.T.astype(np.uint16))
    labels, values = np.empty((len(logits), k), np.int32), np.empty((len(logits), k), np.float32)
    points = np.arange(len(logits))
    scored = search_mean(logits, by_label, members.splits, members.labels, points, budget, labels, values)
    expected = sketch.label_scores(logits, table, np.tile(np.arange(COUNT), (len(logits), 1)), "logit_mean")
    return scored, labels, np.argsort(-expected, axis=1, kind="stable")[:, :k]


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
