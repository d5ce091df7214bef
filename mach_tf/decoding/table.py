"""The bucket table in both directions, as the compiled kernels take it."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from mach_tf.buckets import BucketMembers, invert
from mach_tf.decoding.utility import Utility
from mach_tf.kernels import jit


class Table(NamedTuple):
    """The bucket table from labels to buckets and from buckets to labels.

    Attributes:
      by_label: uint16, or int32 for more than 65,536 buckets, [K, R]: the buckets of each label, which share a cache line.
      splits: int64 [R, B + 1]; bucket b of repetition r holds the labels members[r, splits[r, b]:splits[r, b + 1]].
      members: int32 [R, K], ascending within a bucket.
      offsets: float64 [K], those of a utility, with which R counts the weighted repetition too, the last; of length 0 without one.
      bounds: float32 [K], at least the offsets.
      row: float32 [B], the bucket scores of the weighted repetition, which fall.
      line: float64 [2], the shift and the scale of the utility.
    """

    by_label: np.ndarray
    splits: np.ndarray
    members: np.ndarray
    offsets: np.ndarray = np.empty(0)
    bounds: np.ndarray = np.empty(0, np.float32)
    row: np.ndarray = np.empty(0, np.float32)
    line: np.ndarray = np.empty(2)


def both_ways(table: np.ndarray, members: BucketMembers, utility: Optional[Utility] = None) -> Table:
    """Lays out a bucket table, int32 [R, K], and its inverse for the kernels; with a utility, they rank by it."""
    n_buckets = members.splits.shape[1] - 1
    dtype = np.uint16 if n_buckets <= 2**16 else np.int32
    if utility is None:
        return Table(np.ascontiguousarray(table.T.astype(dtype)), members.splits, members.labels)
    groups, row = utility.repetition(len(table), n_buckets)
    more = invert(groups[None], n_buckets)
    return Table(
        np.ascontiguousarray(np.concatenate([table, groups[None]]).T.astype(dtype)),
        np.concatenate([members.splits, more.splits]),
        np.concatenate([members.labels, more.labels]),
        utility.offsets,
        utility.bounds,
        row,
        utility.line,
    )


@jit(inline="always")
def bucket_scores(scores, table, repetition):
    """Returns the bucket scores of a repetition, float32 [B], of one point's scores [R, B]; the weights are those of the weighted one."""
    return table.row if repetition == len(scores) else scores[repetition]
