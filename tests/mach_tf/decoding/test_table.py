"""Both directions of the bucket table say the same."""

from __future__ import annotations

import numpy as np
import pytest

from mach_tf.buckets import invert
from mach_tf.decoding.table import both_ways


@pytest.mark.parametrize(("buckets", "dtype"), [(30, np.uint16), (2**16, np.uint16), (2**16 + 1, np.int32)])
def test_each_label_is_a_member_of_its_buckets(buckets, dtype):
    table = np.random.default_rng(0).integers(0, buckets, (3, 200)).astype(np.int32)
    table[:, 0] = buckets - 1
    both = both_ways(table, invert(table, buckets))
    assert both.by_label.dtype == dtype and both.by_label.flags.c_contiguous
    np.testing.assert_array_equal(both.by_label.T, table)
    for r in range(3):
        for label in range(200):
            begin, end = both.splits[r, table[r, label]], both.splits[r, table[r, label] + 1]
            assert label in both.members[r, begin:end]
