"""Shares of raw features against hand-computed sums and a loop over every raw feature."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points as point_lists
from mach_tf.explanations.integrated_gradients.feature_shares import share, shares
from mach_tf.explanations.integrated_gradients.paths import Pairs, PathIntegrals, between, entry_splits, from_zero
from mach_tf.hashing import FeatureSpec


def _raw(n=4, features=60, seed=0):
    matrix = scipy.sparse.random(n, features, 0.3, "csr", np.float32, random_state=seed)
    matrix.data = np.round(matrix.data * 8 - 4)  # so that some collisions cancel
    return point_lists.from_csr(matrix)


def _integrals(paths, pairs, seed=1):
    """Returns integrals with random gradients; sharing uses nothing else of a model."""
    splits = entry_splits(paths, pairs)
    zeros = np.zeros(len(pairs.labels))
    return PathIntegrals(splits, np.random.default_rng(seed).normal(size=splits[-1]), zeros, zeros)


@pytest.mark.parametrize("dim", [0, 7, 1000])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("norm", ["l2", "none"])
def test_in_proportion_to_the_parts_of_a_hashed_value(dim, signed, norm):
    spec, raw = FeatureSpec(dim, 3, signed, norm), _raw()
    hashed = spec.apply(raw)
    paths = from_zero(hashed.features(spec.columns(60)))
    pairs = Pairs(np.array([0, 1, 3, 3, 4]), np.array([5, 6, 5, 8]))
    integrals = _integrals(paths, pairs)
    attributions = integrals.attributions(paths, pairs)
    parts = shares(spec, raw, paths)
    result = share(parts, integrals, paths, pairs)
    for pair, point in enumerate(pairs.points()):
        ids = raw.feature_ids[raw.row_splits[point] : raw.row_splits[point + 1]]
        values = raw.feature_values[raw.row_splits[point] : raw.row_splits[point + 1]]
        signed_values = values * spec.signs(ids)
        hashed_ids = spec.ids(ids)
        here = slice(result.splits[pair], result.splits[pair + 1])
        entries = result.share_entries[here]
        assert parts.raw_ids[entries].tolist() == ids.tolist()
        assert parts.values[entries].tolist() == values.tolist()
        path_ids = paths.feature_ids[paths.row_splits[point] : paths.row_splits[point + 1]].tolist()
        for i, h in enumerate(hashed_ids):
            total = signed_values[hashed_ids == h].sum()
            expected = 0.0
            if total:
                expected = attributions[integrals.splits[pair] + path_ids.index(h)] * signed_values[i] / total
            assert result.attributions[here][i] == pytest.approx(expected, rel=1e-5, abs=1e-7)
            assert parts.shared[entries[i]] == ((hashed_ids == h).sum() > 1)
        # The shares add up to the whole.
        whole = attributions[integrals.splits[pair] : integrals.splits[pair + 1]].sum()
        assert result.attributions[here].sum() == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("dim", [0, 7])
@pytest.mark.parametrize("rows", [1, 4])
def test_from_another_point_each_feature_carries_its_own_change(dim, rows):
    spec, raw, start = FeatureSpec(dim, 3), _raw(seed=0), _raw(rows, seed=5)
    columns = spec.columns(60)
    ends = spec.apply(raw).features(columns)
    starts = spec.apply(start).features(columns)
    paths, pairs = between(starts, ends), Pairs(np.arange(5), np.zeros(4, np.int64))
    integrals = _integrals(paths, pairs)
    parts = shares(spec, raw, paths, start)
    result = share(parts, integrals, paths, pairs)
    attributions = integrals.attributions(paths, pairs)
    for point in range(4):
        begin = start.row_splits[point if rows > 1 else 0]
        from_ids = start.feature_ids[begin : start.row_splits[1 + (point if rows > 1 else 0)]]
        ids = raw.feature_ids[raw.row_splits[point] : raw.row_splits[point + 1]]
        here = slice(result.splits[point], result.splits[point + 1])
        assert parts.raw_ids[result.share_entries[here]].tolist() == sorted({*ids, *from_ids})
        whole = attributions[integrals.splits[point] : integrals.splits[point + 1]].sum()
        assert result.attributions[here].sum() == pytest.approx(whole, abs=1e-6)
        absent = ~np.isin(parts.raw_ids[result.share_entries[here]], ids)
        assert (parts.values[result.share_entries[here]][absent] == 0).all()


def test_by_hand_two_raw_features_in_one_hashed_feature():
    spec = FeatureSpec(1, norm="none")  # everything collides
    raw = point_lists.from_csr(scipy.sparse.csr_matrix([[1.0, 0.0, 3.0]]))
    paths, pairs = from_zero(spec.apply(raw).features(1)), Pairs(np.array([0, 1]), np.array([0]))
    integrals = PathIntegrals(np.array([0, 1]), np.array([0.5]), np.zeros(1), np.zeros(1))
    parts = shares(spec, raw, paths)
    assert share(parts, integrals, paths, pairs).attributions.tolist() == [0.5, 1.5]
    assert parts.shared.tolist() == [True, True]


@pytest.mark.parametrize("dim", [0, 50])
def test_what_only_a_hashed_baseline_has_stays_a_hashed_feature(dim):
    spec, raw = FeatureSpec(dim, norm="none"), point_lists.from_csr(scipy.sparse.csr_matrix([[2.0] + [0.0] * 9]))
    columns = spec.columns(10)
    own = int(spec.ids(np.array([0]))[0])
    other = (own + 1) % columns
    mean = scipy.sparse.csr_matrix(([0.5, 0.25], ([0, 0], [own, other])), shape=(1, columns))
    paths, pairs = between(mean, spec.apply(raw).features(columns)), Pairs(np.array([0, 1]), np.array([0]))
    integrals = PathIntegrals(np.array([0, 2]), np.array([1.0, 1.0]), np.zeros(1), np.zeros(1))
    parts = shares(spec, raw, paths)
    found = dict(zip(parts.raw_ids.tolist(), share(parts, integrals, paths, pairs).attributions.tolist()))
    assert found == {0: 1.5, (other if dim == 0 else -1): -0.25}
    assert other in parts.hashed_ids


def test_points_without_features():
    spec, raw = FeatureSpec(8), point_lists.from_csr(scipy.sparse.csr_matrix((2, 5)))
    paths, pairs = from_zero(spec.apply(raw).features(8)), Pairs(np.array([0, 1, 2]), np.array([0, 0]))
    result = share(shares(spec, raw, paths), _integrals(paths, pairs), paths, pairs)
    assert result.splits.tolist() == [0, 0, 0]
