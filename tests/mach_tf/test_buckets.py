from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from mach_tf.buckets import BucketSpec, invert
from mach_tf.choices import LABEL_HASHES

LABELS = 2000


def _derived(spec: BucketSpec, repetition: int, purpose: int) -> int:
    return murmurhash3_32(3 * repetition + purpose, spec.seed, positive=True)


def test_murmur_family_agrees_with_scikit_learn():
    spec = BucketSpec(97, 3, "murmur3", seed=5)
    expected = [
        [murmurhash3_32(label, _derived(spec, r, 0), positive=True) % 97 for label in range(LABELS)] for r in range(3)
    ]
    np.testing.assert_array_equal(spec.table(LABELS), expected)


def test_universal_family_agrees_with_python_integers():
    spec, prime = BucketSpec(97, 3, "universal", seed=5), 2**31 - 1
    a = [1 + _derived(spec, r, 1) % (prime - 1) for r in range(3)]
    b = [_derived(spec, r, 2) % prime for r in range(3)]
    labels = [0, 1, 2, 670_090, 1999]
    expected = [[(a[r] * label + b[r]) % prime % 97 for label in labels] for r in range(3)]
    np.testing.assert_array_equal(spec.table(670_091)[:, labels], expected)


@pytest.mark.parametrize("family", LABEL_HASHES)
def test_repetitions_are_independent(family):
    """Two labels share a bucket in one of B repetitions, and so do two repetitions agree about a label."""
    table = BucketSpec(50, 8, family).table(LABELS)
    assert table.dtype == np.int32 and table.min() >= 0 and table.max() < 50
    pairs = np.random.default_rng(0).integers(0, LABELS, (2, 20_000))
    shared = (table[:, pairs[0]] == table[:, pairs[1]])[:, pairs[0] != pairs[1]].mean()
    assert 0.015 < shared < 0.025
    agreeing = [(table[i] == table[j]).mean() for i in range(8) for j in range(i)]
    assert min(agreeing) > 0.005 and max(agreeing) < 0.04


@pytest.mark.parametrize("family", LABEL_HASHES)
def test_a_row_depends_on_seed_and_repetition_alone(family):
    np.testing.assert_array_equal(BucketSpec(50, 2, family).table(10), BucketSpec(50, 9, family).table(LABELS)[:2, :10])
    assert (BucketSpec(50, 1, family, 0).table(LABELS) != BucketSpec(50, 1, family, 1).table(LABELS)).mean() > 0.9


@pytest.mark.parametrize(("buckets", "labels"), [(2, 9), (50, 2000), (100, 7)])
def test_invert_agrees_with_a_search(buckets, labels):
    table = BucketSpec(buckets, 3).table(labels)
    members = invert(table, buckets)
    for repetition in range(3):
        for bucket in range(buckets):
            expected = [label for label in range(labels) if table[repetition, label] == bucket]
            assert members.of(repetition, bucket).tolist() == expected


@pytest.mark.parametrize("values", [{"buckets": 1}, {"repetitions": 0}, {"family": "md5"}])
def test_refusals(values):
    with pytest.raises(ValueError, match="must be"):
        BucketSpec(**{"buckets": 5, "repetitions": 1, **values})
