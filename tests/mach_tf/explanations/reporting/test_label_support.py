"""Neighbours against a brute-force count over the bucket table."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.buckets import BucketSpec, invert
from mach_tf.explanations.reporting.label_support import neighbours


@pytest.mark.parametrize("buckets", [2, 7, 40])
@pytest.mark.parametrize("limit", [0, 3, 1000])
def test_neighbours_share_the_most_buckets(buckets, limit):
    table = BucketSpec(buckets, 5, seed=3).table(60)
    members = invert(table, buckets)
    for label in (0, 17, 59):
        shared = (table == table[:, [label]]).sum(axis=0)
        order = sorted(
            (other for other in range(60) if other != label and shared[other]), key=lambda o: (-shared[o], o)
        )
        found = neighbours(table, members, label, limit)
        assert found.labels.tolist() == order[:limit]
        for other, repetitions in zip(found.labels, found.repetitions):
            assert repetitions.tolist() == [r for r in range(5) if table[r, other] == table[r, label]]


def test_a_label_alone_in_its_buckets_has_none():
    table = np.array([[0, 1], [1, 0]], np.int32)
    assert neighbours(table, invert(table, 2), 0, 5).labels.tolist() == []
