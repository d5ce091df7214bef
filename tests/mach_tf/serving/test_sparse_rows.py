from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.serving.sparse_rows import SparseRows, of_largest_magnitude


def random_rows(rows, columns, kept=0.3):
    generator = np.random.default_rng(rows + columns)
    matrix = generator.standard_normal((rows, columns)).astype(np.float32)
    mask = generator.random((rows, columns)) < kept
    mask[::5] = False
    return matrix, mask


@pytest.mark.parametrize("columns", [1, 7, 8, 9, 64])
@pytest.mark.parametrize("kept", [0, 0.01, 0.3, 1])
def test_rows_are_those_of_a_sparse_matrix(columns, kept):
    matrix, mask = random_rows(40, columns, kept)
    expected = np.pad(scipy.sparse.csr_matrix(matrix * mask).toarray(), [(0, 1), (0, 0)])
    stored = SparseRows(matrix, mask)
    for places in ([*range(41)], [7, 40, 0, 7, 5], [40], []):
        found = tf.function(stored.rows)(tf.constant(places, tf.int32))
        np.testing.assert_array_equal(found, expected[places])
    assert stored.values.shape[0] == np.count_nonzero(mask)


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_values_are_stored_in_their_type_and_scaled_by_row(dtype):
    matrix, mask = random_rows(20, 13)
    rows, scale = (10 * matrix).astype(dtype), np.linspace(0.5, 2, 20, dtype=np.float32)
    stored = SparseRows(rows, mask, scale)
    assert stored.values.dtype == dtype
    expected = (rows * mask).astype(np.float32) * scale[:, np.newaxis]
    np.testing.assert_array_equal(stored.rows(tf.range(20, dtype=tf.int64)), expected)
    assert not stored.rows(tf.constant([20])).numpy().any()


@pytest.mark.parametrize("prune", [0, 0.005, 0.5, 0.75, 0.99, 1 - 1e-16])
def test_the_largest_magnitudes_are_kept(prune):
    matrix, _ = random_rows(30, 10)
    left_out = int(prune * 300)
    expected = np.ones(300, bool)
    expected[np.argsort(np.abs(matrix).reshape(-1), kind="stable")[:left_out]] = False
    np.testing.assert_array_equal(of_largest_magnitude(matrix, prune).reshape(-1), expected)


def test_of_equal_magnitudes_the_first_are_kept():
    matrix = np.array([[0, -2, 2], [2, 3, -2]], np.float32)
    np.testing.assert_array_equal(of_largest_magnitude(matrix, 0.5), [[False, True, True], [False, True, False]])
    np.testing.assert_array_equal(
        of_largest_magnitude(np.zeros((2, 2), np.float32), 0.5), [[True, True], [False, False]]
    )
