from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf import points
from mach_tf.classifier import SparseBatch
from mach_tf.hashing import FeatureSpec
from mach_tf.serving.raw_features import RawFeatures, summed

FEATURES = 200


def batch_of(raw):
    return SparseBatch(*(tf.constant(each) for each in (raw.row_splits, raw.feature_ids, raw.feature_values)))


@pytest.mark.parametrize(
    "spec", [FeatureSpec(0), FeatureSpec(0, norm="none"), FeatureSpec(17), FeatureSpec(50, 3, signed=True)]
)
@pytest.mark.parametrize("n", [0, 1, 40])
def test_points_are_hashed_as_the_library_hashes_them(spec, n):
    matrix = scipy.sparse.random(n, FEATURES, 0.2, "csr", np.float32, np.random.default_rng(0))
    if n > 1:
        matrix = scipy.sparse.vstack([matrix[:0], scipy.sparse.csr_matrix((1, FEATURES), dtype=np.float32), matrix[1:]])
    raw = points.from_csr(matrix.tocsr())
    hashed = RawFeatures(spec, FEATURES)(batch_of(raw))
    expected = spec.apply(raw)
    np.testing.assert_array_equal(hashed.batch.row_splits, expected.row_splits)
    np.testing.assert_array_equal(hashed.batch.feature_ids, expected.feature_ids)
    np.testing.assert_array_equal(hashed.batch.feature_values, expected.feature_values)


@pytest.mark.parametrize("spec", [FeatureSpec(0), FeatureSpec(17, signed=True), FeatureSpec(17, norm="none")])
def test_parts_add_up_to_the_hashed_values(spec):
    raw = points.from_csr(scipy.sparse.random(9, FEATURES, 0.2, "csr", np.float32, np.random.default_rng(1)))
    hashed = RawFeatures(spec, FEATURES)(batch_of(raw))
    sums = np.zeros((9, spec.columns(FEATURES)))
    np.add.at(sums, (raw.rows(), hashed.columns.numpy()), hashed.parts.numpy())
    dense = scipy.sparse.csr_matrix(
        (hashed.batch.feature_values, hashed.batch.feature_ids, hashed.batch.row_splits), shape=sums.shape
    )
    np.testing.assert_allclose(sums, dense.toarray(), atol=1e-6)


def test_a_feature_that_occurs_twice_counts_as_its_sum_and_a_sum_of_zero_as_absent():
    raw = SparseBatch(
        tf.constant([0, 3, 5], tf.int64),
        tf.constant([3, 1, 3, 2, 2], tf.int64),
        tf.constant([1.0, 2.0, 2.0, 1.0, -1.0]),
    )
    hashed = RawFeatures(FeatureSpec(0, norm="none"), 5)(raw).batch
    assert hashed.row_splits.numpy().tolist() == [0, 2, 2]
    assert hashed.feature_ids.numpy().tolist() == [1, 3]
    assert hashed.feature_values.numpy().tolist() == [2.0, 3.0]


@pytest.mark.parametrize("spec", [FeatureSpec(0, norm="none"), FeatureSpec(7, signed=True)])
def test_each_feature_is_summed_with_its_part(spec):
    raw = SparseBatch(
        tf.constant([0, 4, 4, 6], tf.int64),
        tf.constant([3, 1, 3, 4, 2, 2], tf.int64),
        tf.constant([1.0, 2.0, 2.0, 7.0, 1.0, -1.0]),
    )
    hashed = RawFeatures(spec, 5)(raw)
    once, parts = summed(raw, hashed)
    assert once.row_splits.numpy().tolist() == [0, 3, 3, 4]
    assert once.feature_ids.numpy().tolist() == [1, 3, 4, 2]
    assert once.feature_values.numpy().tolist() == [2.0, 3.0, 7.0, 0.0]
    expected = RawFeatures(spec, 5)(once)
    np.testing.assert_array_equal(parts.columns, expected.columns)
    np.testing.assert_allclose(parts.parts, expected.parts, rtol=1e-12)


def test_no_points_are_summed_to_none():
    none = SparseBatch(tf.constant([0], tf.int64), tf.constant([], tf.int64), tf.constant([]))
    once, parts = summed(none, RawFeatures(FeatureSpec(0), 5)(none))
    assert [each.shape[0] for each in (*once, parts.columns, parts.parts)] == [1, 0, 0, 0, 0]
