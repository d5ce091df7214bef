"""Streams of random numbers: distinct for every repetition and purpose, and stable over versions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mach_tf.hashing import murmur3_32
from mach_tf.seeds import Purpose, derive


@pytest.mark.parametrize("seed", [0, 1, 123456789])
def test_no_two_streams_of_a_seed_have_the_same_key(seed):
    keys = [derive(seed, index, purpose) for index, purpose in itertools.product(range(2000), Purpose)]
    assert len(set(keys)) == len(keys)


def test_the_label_hashes_are_those_of_the_first_version():
    """Bucket tables are made anew from model.json: these keys must never change."""
    for repetition, purpose in itertools.product((0, 1, 7), (0, 1, 2)):
        expected = murmur3_32(np.array([3 * repetition + purpose]), 5)[0]
        assert derive(5, repetition, Purpose(purpose)) == expected


def test_seeds_give_different_streams():
    assert len({derive(seed, 0, Purpose.DROPOUT) for seed in range(1000)}) == 1000


@pytest.mark.parametrize("index", [-1, 1 << 26])
def test_indices_out_of_range_are_refused(index):
    with pytest.raises(ValueError, match=r"index must be in \[0, 22369621\)"):
        derive(0, index, Purpose.SHUFFLE)
