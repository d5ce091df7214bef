"""Values of chosen labels are those of the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.decoding import sparse_values


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ascending", [True, False])
def test_values_are_those_of_the_dense_matrix(density, ascending):
    generator = np.random.default_rng(0)
    added = scipy.sparse.random(6, 9, density, "csr", np.float32, generator)
    if not ascending:
        added = scipy.sparse.csr_matrix(added.T.tocsr().T[:, ::-1])
    labels = generator.integers(0, 9, (6, 4))
    np.testing.assert_array_equal(
        sparse_values.values_at(added, labels), np.take_along_axis(added.toarray(), labels, axis=1)
    )


def test_places_lead_to_the_entries():
    added = scipy.sparse.csr_matrix(np.array([[0, 5, 0], [7, 0, 9]], np.float32))
    places, known = sparse_values.places(added, np.array([[1, 2], [2, 1]]))
    np.testing.assert_array_equal(known, [[True, False], [True, False]])
    np.testing.assert_array_equal(added.data[places[known]], [5, 9])
