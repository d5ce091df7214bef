"""Scanning all labels plainly, in any number of parts, against a sort."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf import estimators
from mach_tf.decoding import scan

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
    labels, values = np.full((9, 6), scan.NO_LABEL), np.full((9, 6), -np.inf, np.float32)
    labels[3, 0], values[3, 0] = COUNT, 100  # none that a scan finds
    by_label = np.ascontiguousarray(table.T.astype(np.uint16))
    points = np.array([0, 2, 3, 8])
    scan.scan_plainly(scores, by_label, kind, points, chunks, labels, values)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :6]
    for point in (0, 2, 8):
        np.testing.assert_array_equal(labels[point], order[point])
        np.testing.assert_array_equal(values[point], expected[point, order[point]])
    assert labels[3].tolist() == [COUNT, *order[3, :5]]
    assert (labels[[1, 4]] == scan.NO_LABEL).all()


def test_insert_keeps_order_and_takes_a_label_once():
    labels, values = np.full(3, scan.NO_LABEL, np.int32), np.full(3, -np.inf, np.float32)
    for label, score in ((5, 1.0), (3, 1.0), (5, 1.0), (9, 2.0), (1, 0.5), (4, 1.0)):
        worst = scan.insert(labels, values, np.int32(label), np.float32(score))
    assert labels.tolist() == [9, 3, 4] and values.tolist() == [2, 1, 1] and worst == 1
