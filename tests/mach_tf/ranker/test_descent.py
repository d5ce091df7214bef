"""Linear classifiers by coordinate descent, against scikit-learn's and the optimality conditions."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

from mach_tf.ranker import descent


def problem(points=40, columns=15, labels=6, seed=0):
    generator = np.random.default_rng(seed)
    x = np.where(generator.random((points, columns)) < 0.4, generator.random((points, columns)), 0)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    signs = generator.choice([-1, 0, 0, 1], (points, labels))
    return scipy.sparse.csr_matrix(x, dtype=np.float32), scipy.sparse.csc_matrix(signs, dtype=np.float32)


def objective(w, x, y, penalty):
    slack = np.maximum(0, np.where(y > 0, 2, 0) - y * (x @ w))
    return 0.5 * w @ w + penalty * (slack**2).sum()


@pytest.mark.parametrize("penalty", [0.03, 1.0, 5.0])
def test_the_optimum(penalty):
    features, signs = problem()
    found = descent.fit(features, signs, penalty, 15, passes=5000, tolerance=1e-9).toarray()
    for label in range(signs.shape[1]):
        y = signs[:, [label]].toarray().ravel()
        x, y = features.toarray()[y != 0].astype(np.float64), y[y != 0]
        best = scipy.optimize.minimize(objective, np.zeros(15), (x, y, penalty), options={"gtol": 1e-9})
        assert objective(found[label].astype(np.float64), x, y, penalty) <= best.fun * 1.0001


def test_only_the_largest_weights_are_kept():
    features, signs = problem()
    whole, some = descent.fit(features, signs, 1.0, 15).toarray(), descent.fit(features, signs, 1.0, 4).toarray()
    for every, few in zip(whole, some):
        kept = np.flatnonzero(few)
        assert len(kept) == min(4, np.count_nonzero(every))
        assert np.abs(every[kept]).min() == np.sort(np.abs(every))[::-1][:4][-1]
        np.testing.assert_array_equal(few[kept], every[kept])


def test_equal_weights_do_not_displace_larger_ones():
    """Two points of a label with binary features, some of which they share: those weigh twice as much, and come last."""
    x = np.zeros((2, 30), np.float32)
    x[0, :20], x[1, 15:] = 1, 1
    found = descent.fit(scipy.sparse.csr_matrix(x), scipy.sparse.csc_matrix(np.ones((2, 1), np.float32)), 1.0, 8)
    assert {*range(15, 20)} < {*found.indices.tolist()} and found.nnz == 8


def test_labels_without_points_have_no_weights():
    features, signs = problem()
    signs = scipy.sparse.hstack([signs, scipy.sparse.csc_matrix((40, 1))], "csc")
    assert descent.fit(features, signs, 1.0, 15)[-1].nnz == 0


def test_results_do_not_depend_on_threads_or_on_other_labels(monkeypatch):
    features, signs = problem(labels=9)
    whole = descent.fit(features, signs, 1.0, 15)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = descent.fit(features, signs, 1.0, 15)
    finally:
        numba.set_num_threads(threads)
    monkeypatch.setattr(descent, "_LABELS", 2)
    blocks = descent.fit(features, signs, 1.0, 15)
    for other in (one, blocks):
        np.testing.assert_array_equal(whole.toarray(), other.toarray())


def test_the_first_of_both_is_that_of_fit():
    features, signs = problem(points=60)
    held = np.arange(60) % 5 == 0
    found, _ = descent.fit_both(features, signs, 1.0, 6, held)
    np.testing.assert_array_equal(found.toarray(), descent.fit(features, signs, 1.0, 6).toarray())


@pytest.mark.parametrize("penalty", [0.03, 1.0])
def test_the_second_of_both_ends_where_a_training_without_the_points_held_out_ends(penalty):
    features, signs = problem(points=60)
    held = np.arange(60) % 5 == 0
    settings = {"passes": 5000, "tolerance": 1e-9}
    whole, found = descent.fit_both(features, signs, penalty, 15, held, more_passes=5000, **settings)
    rest = scipy.sparse.csc_matrix(signs.multiply(~held[:, None]))
    rest.eliminate_zeros()
    expected = descent.fit(features, rest, penalty, 15, **settings)
    np.testing.assert_allclose(found.toarray(), expected.toarray(), atol=1e-6)
    assert np.abs(found.toarray() - whole.toarray()).max() > 0.01


def test_no_points_are_held_out_from_labels_that_lack_them():
    features, signs = problem()
    whole, found = descent.fit_both(features, signs, 1.0, 15, np.zeros(40, np.bool_), passes=500, tolerance=1e-6)
    np.testing.assert_allclose(found.toarray(), whole.toarray(), atol=1e-4)


def test_the_second_of_both_knows_nothing_of_points_held_out():
    """Not even by the rounding of weights that are taken off again: of a label, or of a column, that such points alone have."""
    features, signs = problem()
    features, signs = features.tolil(), signs.tolil()
    held = np.arange(40) < 10
    features[10:, 3] = 0
    signs[10:, 2] = 0
    signs[10:, 4] = 1
    whole, found = descent.fit_both(features.tocsr(), scipy.sparse.csc_matrix(signs), 1.0, 15, held)
    assert whole[2].nnz and not found[2].nnz
    assert whole[:, 3].nnz and not found[:, 3].nnz
    assert found[4].nnz
