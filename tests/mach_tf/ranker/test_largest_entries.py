"""The largest entries of rows, against sorting."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.ranker.largest_entries import largest_entries


@pytest.mark.parametrize("most", [1, 3, 100])
def test_the_largest_magnitudes_stay(most):
    matrix = scipy.sparse.random(40, 30, 0.3, "csr", np.float32, random_state=0)
    matrix.data -= 0.5
    found = largest_entries(matrix, most).toarray()
    for row, kept in zip(matrix.toarray(), found):
        order = np.argsort(-np.abs(row), kind="stable")[: min(most, np.count_nonzero(row))]
        expected = np.zeros_like(row)
        expected[order] = row[order]
        np.testing.assert_array_equal(kept, expected)


def test_ties_go_to_the_first():
    matrix = scipy.sparse.csr_matrix([[1.0, -1.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(largest_entries(matrix, 2).toarray(), [[1, 0, 2, 0], [0, 0, 0, 0]])
    ones = scipy.sparse.csr_matrix(np.ones((2, 50), np.float32))
    assert np.diff(largest_entries(ones, 7).indptr).tolist() == [7, 7]
