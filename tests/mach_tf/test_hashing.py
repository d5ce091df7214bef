from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from mach_tf.hashing import FeatureSpec, murmur3_32
from mach_tf.points import Points


def _points(seed: int, points: int = 60, features: int = 5000) -> Points:
    random = np.random.default_rng(seed)
    rows = [np.sort(random.choice(features, random.integers(0, 200), replace=False)) for _ in range(points)]
    splits = np.cumsum([0, *map(len, rows)])
    values = random.normal(size=splits[-1]).astype(np.float32)
    labels = np.zeros(points + 1, np.int64)
    return Points(splits, np.concatenate(rows).astype(np.int64), values, labels, np.zeros(0, np.int64))


def _brute_force(points: Points, dim: int, seed: int, signed: bool, norm: str) -> list[dict[int, float]]:
    sign_seed = murmurhash3_32(int.from_bytes(b"sign", "big"), seed, positive=True)
    rows = []
    for begin, end in zip(points.row_splits, points.row_splits[1:]):
        row: dict[int, float] = {}
        for feature, value in zip(points.feature_ids[begin:end].tolist(), points.feature_values[begin:end].tolist()):
            column = murmurhash3_32(feature, seed, positive=True) % dim if dim else feature
            sign = -1 if dim and signed and murmurhash3_32(feature, sign_seed, positive=True) >= 2**31 else 1
            row[column] = row.get(column, 0.0) + sign * value
        length = np.sqrt(sum(value**2 for value in row.values())) if norm == "l2" else 1
        rows.append({column: value / length for column, value in sorted(row.items()) if value})
    return rows


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_murmur3_agrees_with_scikit_learn(seed):
    keys = np.concatenate([np.arange(300), np.random.default_rng(0).integers(0, 2**31, 300), [2**31 - 1]])
    expected = [murmurhash3_32(int(key), seed, positive=True) for key in keys]
    assert murmur3_32(keys, seed).tolist() == expected


@pytest.mark.parametrize(
    ("dim", "seed", "signed", "norm"),
    itertools.product([0, 1, 2, 100, 50_000, 2**31 - 1], [0, 7], [False, True], ["l2", "none"]),
)
def test_apply_agrees_with_brute_force(dim, seed, signed, norm):
    points = _points(seed)
    hashed = FeatureSpec(dim, seed, signed, norm).apply(points)
    for row, (begin, end) in zip(
        _brute_force(points, dim, seed, signed, norm), zip(hashed.row_splits, hashed.row_splits[1:])
    ):
        assert hashed.feature_ids[begin:end].tolist() == list(row)
        np.testing.assert_allclose(hashed.feature_values[begin:end], list(row.values()), rtol=3e-6, atol=3e-7)
    np.testing.assert_array_equal(hashed.label_splits, points.label_splits)


def test_ids_and_signs_are_those_that_apply_uses():
    raw = np.arange(2000)
    spec = FeatureSpec(10_000, 3, signed=True, norm="none")
    alone = Points(np.arange(2001), raw, np.ones(2000, np.float32), np.zeros(2001, np.int64), raw[:0])
    hashed = spec.apply(alone)
    np.testing.assert_array_equal(hashed.feature_ids, spec.ids(raw))
    np.testing.assert_array_equal(hashed.feature_values, spec.signs(raw))
    assert abs(spec.signs(raw).mean()) < 0.1


def test_features_that_cancel_are_dropped():
    spec = FeatureSpec(1, signed=True, norm="l2")
    signs = spec.signs(np.arange(100))
    plus, minus = int(np.argmax(signs > 0)), int(np.argmax(signs < 0))
    ids = np.sort([plus, minus])
    one = Points(np.array([0, 2]), ids, np.ones(2, np.float32), np.array([0, 0]), ids[:0])
    assert spec.apply(one).row_splits.tolist() == [0, 0]


def test_hashed_ids_spread_evenly():
    counts = np.bincount(FeatureSpec(100).ids(np.arange(100_000)), minlength=100)
    assert counts.min() > 850 and counts.max() < 1150  # five standard deviations


@pytest.mark.parametrize("values", [{"dim": -1}, {"dim": 2**31}, {"norm": "l1"}])
def test_refusals(values):
    with pytest.raises(ValueError, match="must be"):
        FeatureSpec(**values)


@pytest.mark.parametrize("features", [1, 50_001, 131_072, 131_073, 10**6])
def test_features_have_columns_of_their_own_up_to_a_number(features):
    spec = FeatureSpec.for_features(features)
    assert spec.columns(features) == min(features, 131_072) and spec.norm == "l2"
    assert (spec.dim == 0) == (features <= 131_072)
