"""A ranker in memory and in its file, and files that are not what they should be."""

from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.sparse

from mach_tf import files
from mach_tf.decoding.best_list import NO_LABEL
from mach_tf.errors import InputError
from mach_tf.manifest import RANKER_FILE
from mach_tf.ranker import ranker
from mach_tf.ranker.ranker import Ranker, problem_of

LABELS, COLUMNS = 7, 11


def weights(seed=0):
    dense = np.random.default_rng(seed).normal(size=(LABELS, COLUMNS)) * (
        np.random.default_rng(1).random((LABELS, COLUMNS)) < 0.4
    )
    return scipy.sparse.csr_matrix(dense, dtype=np.float32)


def test_it_adds_the_positive_products():
    features = scipy.sparse.random(9, COLUMNS, 0.4, "csr", np.float32, random_state=0)
    trained = Ranker(weights(), 3.0)
    expected = np.maximum(features.toarray() @ weights().toarray().T, 0)
    np.testing.assert_allclose(trained.added(features).toarray(), expected, rtol=1e-5, atol=1e-6)
    assert (trained.most_entries(features) >= (expected > 0).sum(axis=1)).all()


def test_the_labels_that_are_raised_most():
    features = scipy.sparse.random(9, COLUMNS, 0.4, "csr", np.float32, random_state=0)
    added = Ranker(weights()).added(features).toarray()
    order = np.argsort(-added, axis=1, kind="stable")[:, :3]
    expected = np.where(np.take_along_axis(added, order, axis=1) > 0, order, NO_LABEL)
    np.testing.assert_array_equal(Ranker(weights()).best(features, 3), expected)
    assert (expected == NO_LABEL).any() and (expected != NO_LABEL).all(axis=1).any()


def test_a_search_reads_the_largest_weights_of_a_column(monkeypatch):
    """Of the first column label 2, of the second label 1, so that label 0 is not found, to which less is added than to both together."""
    monkeypatch.setattr(ranker, "_SEARCHED", 1)
    some = Ranker(scipy.sparse.csr_matrix([[2, 2], [0, 3], [3, 0.0]], dtype=np.float32))
    features = scipy.sparse.csr_matrix([[1, 1.5]], dtype=np.float32)
    assert some.added(features).toarray().tolist() == [[5, 4.5, 3]]
    assert some.best(features, 3).tolist() == [[1, 2, NO_LABEL]]


def test_written_and_read(tmp_path):
    digest = Ranker(weights(), 3.0).write(str(tmp_path))
    found = Ranker.read(str(tmp_path), digest, LABELS, COLUMNS)
    np.testing.assert_array_equal(found.weights.toarray(), weights().toarray())
    assert found.weight == 3.0
    assert Ranker(weights(), 3.0).write(str(tmp_path)) == digest  # the same bytes
    assert problem_of(str(tmp_path), digest) == ""


def test_another_file_is_refused(tmp_path):
    digest = Ranker(weights(), 3.0).write(str(tmp_path))
    Ranker(weights(5), 3.0).write(str(tmp_path))
    with pytest.raises(InputError, match=r"ranker\.npz is not the file that model\.json describes"):
        Ranker.read(str(tmp_path), digest, LABELS, COLUMNS)
    os.remove(tmp_path / RANKER_FILE)
    with pytest.raises(InputError, match="is missing, though"):
        Ranker.read(str(tmp_path), digest, LABELS, COLUMNS)


@pytest.mark.parametrize(
    "change",
    [
        {"row_splits": np.arange(LABELS, dtype=np.int64)},
        {"row_splits": np.zeros(LABELS + 1, np.int32)},
        {"columns": np.full(3, COLUMNS, np.int32)},
        {"columns": np.full(3, -1, np.int32)},
        {"weights": np.full(3, np.nan, np.float32)},
        {"weights": np.zeros(2, np.float32)},
        {"weights": np.zeros(3, np.float64)},
        {"weights": None},
        {"weight": np.float64(0)},
        {"weight": np.float64(np.nan)},
        {"weight": np.ones(2)},
        {"weight": np.array("x")},
        {"row_splits": np.array([0, 2**63 - 1, -(2**63 - 1), 0, *[3] * (LABELS - 3)], np.int64)},
    ],
)
def test_what_is_no_matrix_is_refused(tmp_path, change):
    good = {
        "row_splits": np.array([0, 1, 2, *[3] * (LABELS - 2)], np.int64),
        "columns": np.arange(3, dtype=np.int32),
        "weights": np.ones(3, np.float32),
        "weight": np.float64(4.0),
    }
    path = tmp_path / RANKER_FILE
    np.savez(path, **good)
    assert Ranker.read(str(tmp_path), files.sha256(str(path)), LABELS, COLUMNS).weights.nnz == 3
    np.savez(path, **{name: value for name, value in {**good, **change}.items() if value is not None})
    with pytest.raises(InputError, match="must hold finite weights of 7 labels and 11 columns"):
        Ranker.read(str(tmp_path), files.sha256(str(path)), LABELS, COLUMNS)


def test_damage_and_pickles_are_refused(tmp_path):
    path = tmp_path / RANKER_FILE
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="Remove it and train the ranker again"):
        Ranker.read(str(tmp_path), files.sha256(str(path)), LABELS, COLUMNS)
    np.savez(path, row_splits=np.array([object()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="must hold arrays"):
        Ranker.read(str(tmp_path), files.sha256(str(path)), LABELS, COLUMNS)
