"""Hash functions: MurmurHash3 and feature hashing. Nothing here depends on the version of a random generator."""

from __future__ import annotations

import dataclasses

import numpy as np

from mach_tf import arguments
from mach_tf.choices import FEATURE_NORMS
from mach_tf.kernels import jit
from mach_tf.points import Points

MAX_ID = 2**31 - 1
# The most columns of a dataset: so many have 4 GB of weights for each hidden unit.
MAX_DIM = 10**9
# The weights of a column in the network of a usual plan: 8 repetitions of 512 hidden units, in float32.
COLUMN_BYTES = 8 * 512 * 4
# The most columns that are chosen by default. Their 2 GiB of weights are trained side by side in 6 GB, copies included: on a machine of 8 GB.
MOST_OWN_COLUMNS = (2 << 30) // COLUMN_BYTES
_SIGN_KEY = 0x7369676E  # "sign": derives the seed of the sign hash from the feature hash's own


@jit(nogil=True)
def murmur3_32_scalar(key, seed):
    """Computes MurmurHash3_x86_32 of one 4-byte little-endian key, for compiled callers; uint32 in, uint32 out."""
    # Numba widens a product of two uint32 to uint64; every step is cut back to 32 bits.
    k = np.uint32(np.uint32(key) * np.uint32(0xCC9E2D51))
    k = np.uint32((k << np.uint32(15)) | (k >> np.uint32(17)))
    h = np.uint32(np.uint32(seed) ^ np.uint32(k * np.uint32(0x1B873593)))
    h = np.uint32((h << np.uint32(13)) | (h >> np.uint32(19)))
    h = np.uint32(h * np.uint32(5) + np.uint32(0xE6546B64))
    h = np.uint32(h ^ np.uint32(4))
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@jit(nogil=True)
def _murmur3_32(keys, seed, out):
    for i in range(len(keys)):
        out[i] = murmur3_32_scalar(keys[i], seed)


def murmur3_32(keys: np.ndarray, seed: int) -> np.ndarray:
    """Computes MurmurHash3_x86_32 of ids as 4-byte little-endian keys, as scikit-learn's `murmurhash3_32` does.

    Args:
      keys: integers in [0, 2^31), [n].
      seed: any integer, taken modulo 2^32.

    Returns:
      uint32 [n].
    """
    out = np.empty(len(keys), np.uint32)
    _murmur3_32(np.ascontiguousarray(keys, np.int64), np.uint32(seed % 2**32), out)
    return out


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """The conversion of raw features to the input of the model.

    Attributes:
      dim: D; hashed feature ids are in [0, dim), and 0 keeps raw ids.
      seed: seed of the feature hash.
      signed: whether to multiply the value of each raw feature by +1 or -1 from an independent hash.
      norm: "l2" scales each point to unit length after hashing, "none" does not.
    """

    dim: int = 50_000
    seed: int = 0
    signed: bool = False
    norm: str = "l2"

    def __post_init__(self) -> None:
        arguments.choice(self.norm, "norm", FEATURE_NORMS)
        object.__setattr__(self, "dim", arguments.whole_number(self.dim, "dim", 0, MAX_ID))
        object.__setattr__(self, "seed", arguments.seed(self.seed))
        object.__setattr__(self, "signed", arguments.switch(self.signed, "signed"))

    @classmethod
    def for_features(cls, raw_features: int) -> FeatureSpec:
        """Returns the default for data of `raw_features` features: a column for each up to 131,072, more are hashed to as many columns.

        Features that share a column cost accuracy (decision 56); beyond that number, the memory of a training outweighs it.
        """
        return cls(dim=0 if raw_features <= MOST_OWN_COLUMNS else MOST_OWN_COLUMNS)

    def columns(self, raw_features: int) -> int:
        """Returns the width of the model's input for data with `raw_features` features."""
        return self.dim or raw_features

    def ids(self, raw_ids: np.ndarray) -> np.ndarray:
        """Returns the hashed ids of raw ids, int64 [n]."""
        raw_ids = np.asarray(raw_ids, np.int64)
        return (murmur3_32(raw_ids, self.seed) % np.uint32(self.dim)).astype(np.int64) if self.dim else raw_ids

    def signs(self, raw_ids: np.ndarray) -> np.ndarray:
        """Returns the sign of each raw id, float32 [n] of +1 and -1; all are +1 unless `signed`."""
        if not (self.signed and self.dim):
            return np.ones(len(raw_ids), np.float32)
        bits = murmur3_32(raw_ids, self.sign_seed) >> np.uint32(31)
        return np.where(bits == 1, np.float32(-1), np.float32(1))

    @property
    def sign_seed(self) -> int:
        """The seed of the sign hash."""
        return int(murmur3_32(np.array([_SIGN_KEY]), self.seed)[0])

    def apply(self, points: Points) -> Points:
        """Hashes and normalises raw points. Features of a point that collide add up; zeros are dropped."""
        row_splits, ids, values = _hash_rows(
            points.row_splits,
            points.feature_ids,
            points.feature_values,
            np.uint32(self.dim),
            np.uint32(self.seed % 2**32),
            self.signed and self.dim > 0,
            np.uint32(self.sign_seed),
            self.norm == "l2",
        )
        return dataclasses.replace(points, row_splits=row_splits, feature_ids=ids, feature_values=values)


@jit(nogil=True)
def _hash_rows(row_splits, raw_ids, raw_values, dim, seed, signed, sign_seed, normalise):
    """Hashes each row, sums equal ids in the order of the input as float64, drops zeros and scales."""
    longest = 0
    for row in range(len(row_splits) - 1):
        longest = max(longest, row_splits[row + 1] - row_splits[row])
    ids, values = np.empty(longest, np.int64), np.empty(longest, np.float64)
    sorted_ids, sorted_values = np.empty(longest, np.int64), np.empty(longest, np.float64)
    places = np.empty(longest + 1, np.int64)
    out_splits = np.zeros_like(row_splits)
    out_ids = np.empty_like(raw_ids)
    out_values = np.empty(len(raw_values), np.float32)
    end = 0
    for row in range(len(row_splits) - 1):
        start, size = row_splits[row], row_splits[row + 1] - row_splits[row]
        if dim:
            for i in range(size):
                raw_id = raw_ids[start + i]
                ids[i] = murmur3_32_scalar(raw_id, seed) % dim
                values[i] = raw_values[start + i]
                if signed and murmur3_32_scalar(raw_id, sign_seed) >= np.uint32(1 << 31):
                    values[i] = -values[i]
            _sort_hashed(ids, values, size, dim, places, sorted_ids, sorted_values)
        else:
            for i in range(size):
                sorted_ids[i], sorted_values[i] = raw_ids[start + i], raw_values[start + i]
        first = end
        squares = 0.0
        i = 0
        while i < size:
            key = sorted_ids[i]
            total = 0.0
            while i < size and sorted_ids[i] == key:
                total += sorted_values[i]
                i += 1
            if total != 0.0:
                out_ids[end] = key
                out_values[end] = total
                squares += total * total
                end += 1
        if normalise and squares > 0.0:
            scale = 1.0 / np.sqrt(squares)
            for j in range(first, end):
                out_values[j] = out_values[j] * scale
        out_splits[row + 1] = end
    return out_splits, out_ids[:end].copy(), out_values[:end].copy()


@jit(nogil=True)
def _sort_hashed(ids, values, size, dim, places, sorted_ids, sorted_values):
    """Sorts the first `size` entries stably by bucket sort, as hashed ids spread evenly over [0, dim).

    For the 50 to 500 features of a typical point it is about four times as fast as a comparison sort.
    """
    buckets_per_id = size / dim
    for i in range(size + 1):
        places[i] = 0
    for i in range(size):
        places[int(ids[i] * buckets_per_id) + 1] += 1
    for i in range(size):
        places[i + 1] += places[i]
    for i in range(size):
        bucket = int(ids[i] * buckets_per_id)
        place = places[bucket]
        places[bucket] = place + 1
        sorted_ids[place], sorted_values[place] = ids[i], values[i]
    for i in range(1, size):  # insertion sort: entries still out of order are in one bucket, so close together
        key, value = sorted_ids[i], sorted_values[i]
        j = i
        while j > 0 and sorted_ids[j - 1] > key:
            sorted_ids[j], sorted_values[j] = sorted_ids[j - 1], sorted_values[j - 1]
            j -= 1
        sorted_ids[j], sorted_values[j] = key, value
