"""Random streams of training: every use of its seed has a purpose of its own, and no two purposes share a stream.

A stream is named by (seed, index, purpose): the index is the repetition, or the epoch where all repetitions share it. Its
key is `murmur3_32` of a 4-byte integer made of index and purpose. For one seed that hash is a bijection of the 4-byte
integers, and the integer is different for every pair, so different streams never have the same key.
"""

from __future__ import annotations

import enum

import numpy as np

from mach_tf.hashing import murmur3_32

# Purposes that share a block of indices; the first block holds the label hashes, whose keys model.json's tables rest on.
_BLOCK = 3
_MAX_INDEX = (1 << 26) // _BLOCK


class Purpose(enum.IntEnum):
    """The purpose of a random stream. Append only: a changed number changes the results of every seed."""

    LABEL_HASH = 0
    LABEL_HASH_FACTOR = 1
    LABEL_HASH_SHIFT = 2
    HIDDEN_KERNEL = 3
    OUTPUT_KERNEL = 4
    DROPOUT = 5
    FEATURE_DROPOUT = 6
    SHUFFLE = 7
    ADVERSARIAL_NOISE = 8
    HELD_OUT = 9


def derive(seed: int, index: int, purpose: Purpose) -> int:
    """The key of a stream, in [0, 2^32).

    Args:
      seed: the user's, any integer; taken modulo 2^32.
      index: repetition or epoch, in [0, 2^26 / 3).
      purpose: what the stream is for.
    """
    if not 0 <= index < _MAX_INDEX:
        raise ValueError(f"index must be in [0, {_MAX_INDEX}) (got {index})")
    block, place = divmod(int(purpose), _BLOCK)
    return int(murmur3_32(np.array([block << 26 | _BLOCK * index + place]), seed)[0])
