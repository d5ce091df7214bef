"""Which buckets a label's score comes from, and which other labels it shares them with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.buckets import BucketMembers


class Neighbours(NamedTuple):
    """The labels that share most buckets with a label: what the model cannot tell from it there.

    Attributes:
      labels: int64 [m], most shared first, then by id.
      repetitions: for each, the repetitions in which they share a bucket, ascending.
    """

    labels: np.ndarray
    repetitions: list[np.ndarray]


def neighbours(table: np.ndarray, members: BucketMembers, label: int, limit: int) -> Neighbours:
    """Finds the labels that share most buckets with one.

    Args:
      table: int32 [R, K], the bucket of each label in each repetition.
      members: its inverse.
      label: the label.
      limit: how many at most.
    """
    sharing = [members.of(repetition, bucket) for repetition, bucket in enumerate(table[:, label])]
    labels, counts = np.unique(np.concatenate(sharing), return_counts=True)
    others = labels != label
    labels, counts = labels[others].astype(np.int64), counts[others]
    labels = labels[np.lexsort((labels, -counts))[:limit]]
    return Neighbours(labels, [np.flatnonzero(table[:, other] == table[:, label]) for other in labels])
