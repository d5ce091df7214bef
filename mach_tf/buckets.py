"""The bucket table, which maps each label to a bucket in each repetition, and its inverse."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from mach_tf import arguments
from mach_tf.choices import LABEL_HASHES
from mach_tf.errors import InputError
from mach_tf.hashing import murmur3_32
from mach_tf.memory import available_memory
from mach_tf.seeds import Purpose, derive

# Label counts and bucket tables are dense arrays: a wrong number must not fill memory and disk.
MAX_LABELS = 100_000_000
MAX_REPETITIONS = 10_000
_PRIME = 2**31 - 1
# Of a label in a repetition: its bucket, and its place in the list of the bucket's labels, int32 each.
_TABLE_BYTES = 8


@dataclasses.dataclass(frozen=True)
class BucketSpec:
    """The R hash functions. Together with the number of labels they determine the bucket table.

    Attributes:
      buckets: B, 2 to MAX_LABELS.
      repetitions: R, 1 to MAX_REPETITIONS.
      family: "murmur3": murmur3_32(l, seed_r) mod B; "universal": ((a_r l + b_r) mod (2^31 - 1)) mod B.
      seed: seed_r, a_r and b_r are derived from it and from r alone.
    """

    buckets: int
    repetitions: int
    family: str = "murmur3"
    seed: int = 0

    def __post_init__(self) -> None:
        arguments.choice(self.family, "family", LABEL_HASHES)
        object.__setattr__(self, "buckets", arguments.whole_number(self.buckets, "buckets", 2, MAX_LABELS))
        repetitions = arguments.whole_number(self.repetitions, "repetitions", 1, MAX_REPETITIONS)
        object.__setattr__(self, "repetitions", repetitions)
        object.__setattr__(self, "seed", arguments.seed(self.seed))

    def table(self, labels: int) -> np.ndarray:
        """Returns the bucket of each label in each repetition, int32 [R, labels]."""
        return np.stack([self.row(repetition, labels) for repetition in range(self.repetitions)])

    def row(self, repetition: int, labels: int) -> np.ndarray:
        """Returns the bucket of each label in one repetition, int32 [labels]."""
        ids = np.arange(labels, dtype=np.int64)
        if self.family == "murmur3":
            hashed = murmur3_32(ids, derive(self.seed, repetition, Purpose.LABEL_HASH)).astype(np.int64)
        else:
            a = 1 + derive(self.seed, repetition, Purpose.LABEL_HASH_FACTOR) % (_PRIME - 1)
            b = derive(self.seed, repetition, Purpose.LABEL_HASH_SHIFT) % _PRIME
            hashed = (a * ids + b) % _PRIME
        return (hashed % self.buckets).astype(np.int32)


class BucketMembers(NamedTuple):
    """The inverse of a bucket table: the labels in each bucket.

    Attributes:
      splits: int64 [R, B + 1]; bucket b of repetition r holds labels[r, splits[r, b]:splits[r, b + 1]].
      labels: int32 [R, K], ascending within each bucket.
    """

    splits: np.ndarray
    labels: np.ndarray

    def of(self, repetition: int, bucket: int) -> np.ndarray:
        """Returns the labels of one bucket, ascending."""
        begin, end = self.splits[repetition, bucket], self.splits[repetition, bucket + 1]
        return self.labels[repetition, begin:end]


def invert(table: np.ndarray, buckets: int) -> BucketMembers:
    """Inverts a bucket table.

    Args:
      table: int32 [R, K].
      buckets: B.
    """
    splits = np.zeros((len(table), buckets + 1), np.int64)
    for repetition, row in enumerate(table):
        np.cumsum(np.bincount(row, minlength=buckets), out=splits[repetition, 1:])
    labels = np.empty(table.shape, np.int32)
    for repetition, row in enumerate(table):
        # One after the other, as NumPy sorts into 8 bytes per label.
        labels[repetition] = np.argsort(row, kind="stable")
    return BucketMembers(splits, labels)


def check_table_memory(repetitions: int, labels: int) -> None:
    """Raises InputError if a bucket table and its inverse do not fit in the free memory."""
    needed, available = _TABLE_BYTES * repetitions * labels, available_memory()
    if needed > available:
        raise InputError(
            f"The bucket tables of {repetitions} repetitions and {labels} labels must fit in memory: they need "
            f"{needed / 2**30:.1f} GiB (got {available / 2**30:.1f} GiB free). Ask for fewer repetitions, or use a larger machine."
        )
