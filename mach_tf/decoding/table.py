"""The bucket table in both directions, as the compiled kernels take it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.buckets import BucketMembers


class Table(NamedTuple):
    """The bucket table from labels to buckets and from buckets to labels.

    Attributes:
      by_label: uint16, or int32 for more than 65,536 buckets, [K, R]: the buckets of each label, which share a cache line.
      splits: int64 [R, B + 1]; bucket b of repetition r holds the labels members[r, splits[r, b]:splits[r, b + 1]].
      members: int32 [R, K], ascending within a bucket.
    """

    by_label: np.ndarray
    splits: np.ndarray
    members: np.ndarray


def both_ways(table: np.ndarray, members: BucketMembers) -> Table:
    """Lays out a bucket table, int32 [R, K], and its inverse for the kernels."""
    n_buckets = members.splits.shape[1] - 1
    dtype = np.uint16 if n_buckets <= 2**16 else np.int32
    return Table(np.ascontiguousarray(table.T.astype(dtype)), members.splits, members.labels)
