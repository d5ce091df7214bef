"""Searching by minimum and median: exact where it does not give up."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.buckets import invert
from mach_tf.decoding.best_list import BestList
from mach_tf.decoding.order_search import search_order_statistic
from mach_tf.decoding.table import both_ways
from mach_tf.estimators import MEDIAN, MIN

WIDTH, COUNT = 60, 2500


@pytest.mark.parametrize(("estimator", "kind"), [("min", MIN), ("median", MEDIAN)])
@pytest.mark.parametrize("repetitions", [1, 2, 3, 16])
@pytest.mark.parametrize("digits", [1, 2, 6])
def test_what_it_finds_is_exact(estimator, kind, repetitions, digits):
    generator = np.random.default_rng(digits)
    scores = np.round(generator.random((10, repetitions, WIDTH)) ** 3, digits).astype(np.float32)
    table = generator.integers(0, WIDTH, (repetitions, COUNT)).astype(np.int32)
    both = both_ways(table, invert(table, WIDTH))
    best = BestList(np.empty((10, 5), np.int32), np.empty((10, 5), np.float32))
    expected = estimators.label_scores(scores, table, np.tile(np.arange(COUNT), (10, 1)), estimator)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :5]
    for budget, finished in ((1e9, True), (0.0, False)):
        scored = search_order_statistic(scores, both, kind, np.arange(10), budget, best)
        assert (scored >= 0).all() == finished
        if finished:
            np.testing.assert_array_equal(best.labels, order)
            np.testing.assert_array_equal(best.values, np.take_along_axis(expected, order, axis=1))
