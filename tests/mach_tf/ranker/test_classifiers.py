"""Which points labels are told apart from, and the classifiers that come of it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from mach_tf.ranker import best_products, classifiers


def clustered(points=300, labels=20, seed=0):
    """Points of one label each, whose features are mostly those of the label."""
    generator = np.random.default_rng(seed)
    own = generator.integers(0, labels, points)
    x = np.where(generator.random((points, 3 * labels)) < 0.05, 1.0, 0.0)
    for offset in range(2):
        x[np.arange(points), 3 * own + offset] = 1
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = scipy.sparse.csr_matrix((np.ones(points), (np.arange(points), own)), (points, labels), dtype=np.float32)
    return scipy.sparse.csr_matrix(x, dtype=np.float32), y, own


def test_classifiers_find_the_labels_of_new_points():
    features, labels, own = clustered()
    near = classifiers.candidates(features[:200], labels[:200])
    weights = classifiers.fit(features[:200], labels[:200], near, 1.0)
    scores = (features[200:] @ weights.T).toarray()
    assert (scores.argmax(axis=1) == own[200:]).mean() > 0.9


def test_a_point_of_nothing_known_scores_zero():
    features, labels, _ = clustered()
    weights = classifiers.fit(features, labels, classifiers.candidates(features, labels), 1.0)
    stranger = scipy.sparse.csr_matrix((1, features.shape[1]), dtype=np.float32)
    assert not (stranger @ weights.T).nnz


def test_candidates_are_near(monkeypatch):
    monkeypatch.setattr(classifiers, "_CANDIDATES", 3)
    features, labels, own = clustered()
    near = classifiers.candidates(features, labels)
    assert (near.data == 1).all() and (np.diff(near.indptr) <= 6).all()
    # Nearly every point is nearest to its own label's centroid.
    assert near[np.arange(300), own].mean() > 0.9


def test_the_second_search_finds_what_centroids_do_not(monkeypatch):
    monkeypatch.setattr(classifiers, "_CANDIDATES", 2)
    features, labels, _ = clustered()
    first = classifiers._nearest(features, classifiers._centroids(features, labels))
    assert classifiers.candidates(features, labels).nnz > first.nnz


def test_a_search_multiplies_a_feature_with_the_labels_that_have_most_of_it(monkeypatch):
    features, labels, own = clustered()
    centroids, searched = classifiers._centroids(features, labels), []
    monkeypatch.setattr(
        classifiers, "best_products", lambda *given: searched.append(given[1]) or best_products.best_products(*given)
    )
    whole = classifiers._nearest(features, centroids)
    np.testing.assert_array_equal(searched[0].toarray(), centroids.T.toarray())
    monkeypatch.setattr(classifiers, "_LABELS_OF_FEATURE", 3)
    found = classifiers._nearest(features, centroids)
    entries = centroids.toarray()
    np.testing.assert_array_equal(
        searched[1].toarray(), np.where(entries >= np.sort(entries, axis=0)[-3], entries, 0).T
    )
    assert found.nnz < whole.nnz and found[np.arange(300), own].mean() > 0.9


@pytest.mark.parametrize("weights", [1, 5])
def test_weights_are_few(monkeypatch, weights):
    monkeypatch.setattr(classifiers, "MOST_WEIGHTS", weights)
    features, labels, _ = clustered()
    found = classifiers.fit(features, labels, classifiers.candidates(features, labels), 1.0)
    assert np.diff(found.indptr).max() == weights and found.dtype == np.float32


def test_labels_without_points_are_left_alone():
    features, labels, _ = clustered()
    labels = scipy.sparse.hstack([labels, scipy.sparse.csr_matrix((300, 2))], "csr")
    found = classifiers.fit(features, labels, classifiers.candidates(features, labels), 1.0)
    assert found.shape == (22, 60) and not found[20:].nnz
