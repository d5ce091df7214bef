from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf import points
from mach_tf.errors import InputError


def _matrices(n: int = 40) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    return (
        scipy.sparse.random(n, 30, 0.2, "csr", np.float32, random_state=0),
        scipy.sparse.random(n, 12, 0.1, "csr", np.float32, random_state=1),
    )


def test_round_trip():
    features, labels = _matrices()
    made = points.from_csr(features, labels)
    assert len(made) == 40
    np.testing.assert_array_equal(made.features(30).toarray(), features.toarray())
    np.testing.assert_array_equal(made.labels(12).toarray(), labels.toarray() != 0)


def test_duplicates_are_summed_zeros_dropped_and_the_argument_kept():
    features = scipy.sparse.csr_matrix(
        (np.array([1.0, 2, 5, 0]), np.array([3, 3, 1, 2]), np.array([0, 4])), shape=(1, 4)
    )
    made = points.from_csr(features)
    assert made.feature_ids.tolist() == [1, 3] and made.feature_values.tolist() == [5, 3]
    assert made.label_splits.tolist() == [0, 0] and len(made.label_ids) == 0
    assert features.data.tolist() == [1, 2, 5, 0] and features.indices.tolist() == [3, 3, 1, 2]


def test_small_integers_are_summed_without_overflow_and_marks_of_a_label_that_add_up_to_none_stay():
    twice = (np.array([2, 2]), np.array([0, 2]))
    features = scipy.sparse.csr_matrix((np.array([200, 100], np.uint8), *twice), shape=(1, 4))
    labels = scipy.sparse.csr_matrix((np.array([200, 56], np.uint8), *twice), shape=(1, 4))
    made = points.from_csr(features, labels)
    assert made.feature_values.tolist() == [300] and made.label_ids.tolist() == [2]
    assert features.data.tolist() == [200, 100] and labels.data.tolist() == [200, 56]


@pytest.mark.parametrize("mark", [-1.0, np.nan])
def test_labels_that_are_coded_otherwise_are_refused(mark):
    features, labels = _matrices()
    labels.data[3] = mark
    with pytest.raises(InputError, match=rf"labels must be marked by positive numbers \(got {mark}\)"):
        points.from_csr(features, labels)


@pytest.mark.parametrize("index", [-1, 12, 2**31 - 1])
def test_indices_that_are_not_within_the_matrix_are_refused(index):
    features, labels = _matrices()
    labels.indices[3] = index
    with pytest.raises(InputError, match=rf"labels must have column indices in \[0, 12\) \(got {index}\)"):
        points.from_csr(features, labels)


@pytest.mark.parametrize("seed", range(4))
def test_take_is_row_selection(seed):
    features, labels = _matrices()
    keep = np.random.default_rng(seed).random(40) < seed / 3
    taken = points.from_csr(features, labels)[keep]
    np.testing.assert_array_equal(taken.features(30).toarray(), features[keep].toarray())
    np.testing.assert_array_equal(taken.labels(12).toarray(), labels[keep].toarray() != 0)


def test_positions_are_taken_in_order_and_may_repeat():
    made = points.from_csr(*_matrices(5))
    chosen = made[np.array([3, 0, 3])]
    np.testing.assert_array_equal(chosen.features(30).toarray(), made.features(30).toarray()[[3, 0, 3]])
    np.testing.assert_array_equal(chosen.labels(12).toarray(), made.labels(12).toarray()[[3, 0, 3]])
    assert len(made[np.zeros(0, np.int64)]) == 0


@pytest.mark.parametrize("rows", [slice(3, 9), slice(None, 7), slice(-5, None), slice(9, 3), range(2, 9), range(40)])
def test_consecutive_rows_are_those_of_the_matrix_and_no_copies(rows):
    features, labels = _matrices()
    made = points.from_csr(features, labels)
    part = made[rows]
    wanted = list(rows) if isinstance(rows, range) else rows
    np.testing.assert_array_equal(part.features(30).toarray(), features[wanted].toarray())
    np.testing.assert_array_equal(part.labels(12).toarray(), labels[wanted].toarray() != 0)
    assert part.feature_values.base is made.feature_values or not len(part.feature_values)


def test_rows_with_a_step_are_refused():
    with pytest.raises(ValueError, match="must have step 1"):
        points.from_csr(*_matrices())[::2]


def test_rows_name_the_point_of_each_entry():
    features, _ = _matrices()
    made = points.from_csr(features)
    np.testing.assert_array_equal(made.rows(), features.tocoo().row)


@pytest.mark.parametrize("cuts", [[40], [0, 40], [1, 2, 30, 40]])
def test_concatenate_undoes_slicing(cuts):
    features, labels = _matrices()
    parts = [points.from_csr(features[a:b], labels[a:b]) for a, b in zip([0, *cuts], cuts)]
    joined = points.concatenate(parts)
    np.testing.assert_array_equal(joined.features(30).toarray(), features.toarray())
    np.testing.assert_array_equal(joined.labels(12).toarray(), labels.toarray() != 0)
    assert joined.row_splits.dtype == joined.label_splits.dtype == np.int64
