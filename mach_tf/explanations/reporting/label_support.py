"""The labels that share buckets with a label: the model cannot tell them from it in those repetitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mach_tf.buckets import BucketMembers


class Neighbours(NamedTuple):
    """The labels that share the most buckets with a label.

    Attributes:
      labels: int64 [m], by number of shared buckets in descending order, then by id.
      repetitions: for each of them, the repetitions in which they share a bucket, ascending.
    """

    labels: np.ndarray
    repetitions: list[np.ndarray]


def neighbours(table: np.ndarray, members: BucketMembers, label: int, limit: int) -> Neighbours:
    """Returns the labels that share the most buckets with a label.

    Args:
      table: int32 [R, K], the bucket of each label in each repetition.
      members: its inverse.
      label: the label.
      limit: the largest number of labels to return.
    """
    sharing = [members.of(repetition, bucket) for repetition, bucket in enumerate(table[:, label])]
    labels, counts = np.unique(np.concatenate(sharing), return_counts=True)
    others = labels != label
    labels, counts = labels[others].astype(np.int64), counts[others]
    labels = labels[np.lexsort((labels, -counts))[:limit]]
    return Neighbours(labels, [np.flatnonzero(table[:, other] == table[:, label]) for other in labels])
