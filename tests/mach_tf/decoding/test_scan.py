"""Scanning all labels plainly, in any number of parts, against a sort."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.buckets import invert
from mach_tf.decoding.best_list import NO_LABEL, BestList
from mach_tf.decoding.scan import scan_plainly
from mach_tf.decoding.table import both_ways

WIDTH, COUNT = 40, 3000


@pytest.mark.parametrize(
    ("kind", "estimator"), [(estimators.MEAN, "mean"), (estimators.MIN, "min"), (estimators.MEDIAN, "median")]
)
@pytest.mark.parametrize("chunks", [1, 4])
def test_it_finds_what_a_sort_does_and_adds_to_what_is_known(kind, estimator, chunks):
    generator = np.random.default_rng(kind)
    scores = generator.integers(0, 3, (9, 5, WIDTH)).astype(np.float32)
    table = generator.integers(0, WIDTH, (5, COUNT)).astype(np.int32)
    expected = estimators.label_scores(scores, table, np.tile(np.arange(COUNT), (9, 1)), estimator)
    best = BestList.empty(9, 6)
    labels, values = best
    labels[3, 0], values[3, 0] = COUNT, 100  # a label that no scan finds
    points = np.array([0, 2, 3, 8])
    scan_plainly(scores, both_ways(table, invert(table, WIDTH)), kind, points, chunks, best)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :6]
    for point in (0, 2, 8):
        np.testing.assert_array_equal(labels[point], order[point])
        np.testing.assert_array_equal(values[point], expected[point, order[point]])
    assert labels[3].tolist() == [COUNT, *order[3, :5]]
    assert (labels[[1, 4]] == NO_LABEL).all()
