"""Paths, pairs and the layout of integrals against dense NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.explanations.integrated_gradients.paths import (
    Pairs,
    PathIntegrals,
    Paths,
    between,
    entry_splits,
    from_zero,
)


def _dense(paths, values, columns):
    dense = np.zeros((paths.points, columns))
    dense[np.repeat(np.arange(paths.points), np.diff(paths.row_splits)), paths.feature_ids] = values
    return dense


@pytest.mark.parametrize("shape", [(4, 3), (4,), (0, 3), (0,)])
def test_pairs_of_a_matrix_have_its_rows(shape):
    labels = np.random.default_rng(0).integers(9, size=shape, dtype=np.int32)
    pairs = Pairs.of_matrix(labels)
    assert pairs.splits.dtype == pairs.labels.dtype == np.int64 and len(pairs.splits) == len(labels) + 1
    for i, row in enumerate(labels):
        assert pairs.labels[pairs.splits[i] : pairs.splits[i + 1]].tolist() == np.atleast_1d(row).tolist()


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("one_baseline", [False, True])
def test_between_holds_the_union_of_both_ends(rows, one_baseline):
    end = scipy.sparse.random(rows, 30, 0.3, "csr", random_state=1)
    start = scipy.sparse.random(1 if one_baseline else rows, 30, 0.2, "csr", random_state=2)
    paths = between(start, end)
    np.testing.assert_array_equal(
        _dense(paths, paths.start, 30), np.broadcast_to(start.toarray(), (rows, 30)) if rows else np.zeros((0, 30))
    )
    np.testing.assert_allclose(_dense(paths, paths.start + paths.difference, 30), end.toarray())
    for i in range(rows):
        ids = paths.feature_ids[paths.row_splits[i] : paths.row_splits[i + 1]]
        expected = set(end[i].indices) | set(start[0 if one_baseline else i].indices)
        assert ids.tolist() == sorted(expected)


def test_a_feature_whose_value_is_the_baselines_stays_on_the_path():
    same = scipy.sparse.csr_matrix([[0.0, 2.0, -1.0]])
    paths = between(same, same)
    assert paths.feature_ids.tolist() == [1, 2] and paths.difference.tolist() == [0.0, 0.0]
    opposite = between(-same, same)
    assert opposite.feature_ids.tolist() == [1, 2] and opposite.difference.tolist() == [4.0, -2.0]


def test_between_refuses_two_shapes():
    with pytest.raises(ValueError, match=r"one shape .*\(2, 3\)"):
        between(scipy.sparse.csr_matrix((2, 3)), scipy.sparse.csr_matrix((4, 3)))


def test_from_zero_is_between_from_a_zero_row():
    end = scipy.sparse.random(4, 9, 0.4, "csr", random_state=3)
    for ours, general in zip(from_zero(end), between(scipy.sparse.csr_matrix((4, 9)), end)):
        np.testing.assert_array_equal(ours, general)


def test_integrals_line_up_with_paths_and_pairs():
    paths = Paths(np.array([0, 2, 2, 5]), np.array([1, 4, 0, 2, 3]), np.zeros(5), np.array([1.0, 2, 3, 4, 5]))
    pairs = Pairs(np.array([0, 2, 3, 4]), np.array([7, 8, 7, 9]))
    splits = entry_splits(paths, pairs)
    assert splits.tolist() == [0, 2, 4, 4, 7]
    integrals = PathIntegrals(splits, np.full(7, 10.0), np.array([30.0, 31, 5, 121]), np.array([0.0, 0, 5, 1]))
    assert integrals.attributions(paths, pairs).tolist() == [10, 20, 10, 20, 30, 40, 50]
    assert integrals.completeness_gaps(paths, pairs).tolist() == [0, -1, 0, 0]


def test_slices():
    paths = Paths(np.array([0, 2, 2, 5]), np.array([1, 4, 0, 2, 3]), np.zeros(5), np.array([1.0, 2, 3, 4, 5]))
    pairs = Pairs(np.array([0, 2, 3, 4]), np.array([7, 8, 7, 9]))
    assert paths.slice(1, 3).row_splits.tolist() == [0, 0, 3] and paths.slice(1, 3).difference.tolist() == [3, 4, 5]
    assert pairs.slice(1, 3).labels.tolist() == [7, 9] and pairs.slice(1, 3).splits.tolist() == [0, 1, 2]
