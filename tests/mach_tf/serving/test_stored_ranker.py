"""A ranker in the graph, against the library's, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from mach_tf.classifier import SparseBatch
from mach_tf.ranker.ranker import Ranker
from mach_tf.serving import stored_ranker
from mach_tf.serving.raw_features import HashedPoints
from mach_tf.serving.stored_ranker import StoredRanker, precision_beside

LABELS, COLUMNS = 70, 40


def random_weights(density=0.3):
    weights = scipy.sparse.random(LABELS, COLUMNS, density, "csr", np.float32, random_state=0)
    weights.data -= np.float32(0.4)
    weights[:, 7] = 0  # a feature that no label has
    weights.eliminate_zeros()
    return scipy.sparse.csr_matrix(weights)


def random_points(n=12):
    features = scipy.sparse.random(n, COLUMNS, 0.4, "lil", np.float32, random_state=1)
    features[0] = 0  # a point without features
    features[1] = 0
    features[1, 7] = 1
    features[2] = 1  # all features
    return features.tocsr()


def batch_of(features):
    return SparseBatch(
        tf.constant(features.indptr, tf.int64), tf.constant(features.indices, tf.int64), tf.constant(features.data)
    )


def few_at_once():
    """A ranker that reads the weights of one feature or a few at a time."""
    ranker = StoredRanker(Ranker(random_weights()))
    ranker._at_once = int(np.diff(ranker.row_splits.numpy()).max())
    return ranker


@pytest.fixture(params=["at once", "a few features at a time"])
def ranker(request):
    return StoredRanker(Ranker(random_weights())) if request.param == "at once" else few_at_once()


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 1), (5, 12), (0, 12)])
def test_what_is_added_has_the_bits_of_the_library(ranker, begin, end):
    features, batch = random_points(), batch_of(random_points())
    part = batch._replace(row_splits=batch.row_splits[begin : end + 1])
    found = tf.function(lambda *arrays: ranker.added(SparseBatch(*arrays)))(*part)
    np.testing.assert_array_equal(found, Ranker(random_weights()).added(features[begin:end]).toarray())


def test_points_have_weights_that_fit_in_memory_together():
    ranker, batch = StoredRanker(Ranker(random_weights())), batch_of(random_points())
    most = Ranker(random_weights()).most_entries(random_points()).max()
    assert ranker.points_at_once(batch) == stored_ranker._WEIGHTS_AT_ONCE // most
    assert ranker.points_at_once(batch_of(random_points()[:0])) == stored_ranker._WEIGHTS_AT_ONCE
    assert few_at_once().points_at_once(batch) == 1


def test_what_is_added_to_some_labels_has_the_bits_of_what_is_added_to_all():
    features, ranker = random_points(), StoredRanker(Ranker(random_weights()))
    labels = np.random.default_rng(0).permuted(np.tile(np.arange(LABELS), (12, 1)), axis=1)[:, :50]
    found = tf.function(lambda *arrays: ranker.added_to(SparseBatch(*arrays), tf.constant(labels)))(*batch_of(features))
    expected = ranker.added(batch_of(features)).numpy()
    np.testing.assert_array_equal(found, np.take_along_axis(expected, labels, 1))
    assert 0 < np.count_nonzero(found) < found.shape[0] * 50


def test_weights_of_labels_are_looked_up():
    features = np.repeat(np.arange(COLUMNS), 2)
    labels = np.random.default_rng(0).integers(0, LABELS, (len(features), 9))
    found = StoredRanker(Ranker(random_weights())).weights_of(tf.constant(features), tf.constant(labels))
    np.testing.assert_array_equal(found, random_weights().toarray()[labels, features[:, None]])


def test_one_weight_is_enough():
    weights = scipy.sparse.csr_matrix(([2.0], [3], np.r_[0, 0, np.ones(LABELS - 1)]), (LABELS, COLUMNS))
    found = StoredRanker(Ranker(weights)).weights_of(tf.constant([2, 3, 4]), tf.constant([[0, 1, 2]] * 3, tf.int64))
    assert found.numpy().tolist() == [[0, 0, 0], [0, 2, 0], [0, 0, 0]]


def test_the_gradient_is_that_of_the_products(ranker):
    features = random_points()[3]
    slopes = np.random.default_rng(0).standard_normal(LABELS).astype(np.float32)
    found = ranker.gradient(tf.constant(features.indices, tf.int64), tf.constant(slopes))
    np.testing.assert_allclose(found, (slopes @ random_weights())[features.indices], rtol=1e-4, atol=1e-5)


def test_attributions_are_weights_times_parts_where_the_product_is_positive():
    # Raw entries: two of a point share column 5.
    splits, columns = tf.constant([0, 0, 4, 6], tf.int64), np.array([5, 9, 5, 30, 9, 12])
    parts = np.array([1.0, -2.0, 0.5, 3.0, 1.0, 1.0])
    labels = np.tile(np.arange(LABELS), (3, 1))
    nothing = batch_of(random_points()[:0])
    found = StoredRanker(Ranker(random_weights())).attributions(
        splits, HashedPoints(nothing, tf.constant(columns), tf.constant(parts)), tf.constant(labels)
    )
    gains = random_weights().toarray()[:, columns].T * parts[:, None]
    for rows in (slice(0, 4), slice(4, 6)):
        gains[rows] *= gains[rows].sum(axis=0) > 0
    np.testing.assert_allclose(found, gains, rtol=1e-6)


@pytest.mark.parametrize(
    ("precision", "dtype", "error"),
    [("float16", np.float16, 2**-11), ("int8", np.int8, 0.5 / 127), ("vq1", np.int8, 0.5 / 127)],
)
def test_smaller_weights_are_rounded(precision, dtype, error):
    ranker, weights = StoredRanker(Ranker(random_weights()), precision_beside(precision)), random_weights().toarray()
    labels = np.tile(np.arange(LABELS), (COLUMNS, 1))
    rounded = ranker.weights_of(tf.range(COLUMNS, dtype=tf.int64), tf.constant(labels)).numpy().T
    largest = np.abs(weights).max(axis=1, keepdims=True)
    assert ranker.weights.dtype == dtype and ranker.labels.dtype == np.uint16
    assert (np.abs(rounded - weights) <= 1.001 * error * largest).all() and (rounded[weights == 0] == 0).all()
    assert (rounded != weights).any()
    # What is added is that of the rounded weights.
    library = Ranker(scipy.sparse.csr_matrix(rounded))
    np.testing.assert_array_equal(ranker.added(batch_of(random_points())), library.added(random_points()).toarray())


def test_labels_beyond_16_bits_keep_their_numbers():
    weights = scipy.sparse.csr_matrix(([1.0, 2.0, 4.0], ([0, 4464, 70_000], [3, 3, 3])), (70_001, 5), np.float32)
    ranker = StoredRanker(Ranker(weights), "int8")
    found = ranker.weights_of(tf.constant([3]), tf.constant([[0, 4464, 65_536, 70_000]], tf.int64))
    np.testing.assert_allclose(found, [[1, 2, 0, 4]])


def test_the_bytes_of_its_weights_are_counted():
    ranker = StoredRanker(Ranker(random_weights()), "int8")
    assert ranker.float32_bytes == 8 * random_weights().nnz + 8 * (COLUMNS + 1)
