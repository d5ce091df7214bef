from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
import scipy.sparse

import mach_tf
from mach_tf.data import dataset, matrices, records, verification
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from tests.helpers import sample


def _pair(points):
    return points.features(500), points.labels(40)


def test_write_dataset_keeps_every_point(tmp_path):
    train, valid, test = (sample.random_points(n, seed=n) for n in (90, 30, 20))
    names = [f"feature {i}" for i in range(500)]
    spec = FeatureSpec(0, norm="none")
    manifest = mach_tf.write_dataset(
        *_pair(train), str(tmp_path / "d"), valid=_pair(valid), test=_pair(test), spec=spec, feature_names=names
    )
    assert (
        manifest == DatasetManifest.read(str(tmp_path / "d")) and list(verification.problems(str(tmp_path / "d"))) == []
    )
    for split, points in (("train", train), ("valid", valid), ("test", test)):
        sample.assert_same(records.read_points(str(tmp_path / "d"), manifest, split), points)
    assert (
        manifest.read_feature_names(str(tmp_path / "d")) == names
        and manifest.read_label_names(str(tmp_path / "d")) is None
    )
    counts = np.bincount(train.label_ids, minlength=40)
    np.testing.assert_array_equal(manifest.label_counts(str(tmp_path / "d")), counts)


def test_chunks_do_not_show(tmp_path, monkeypatch):
    pair = _pair(sample.random_points(90))
    whole = mach_tf.write_dataset(*pair, str(tmp_path / "a"), valid_fraction=0.3, points_per_shard=20)
    monkeypatch.setattr(matrices, "_ROWS", 7)
    pieces = mach_tf.write_dataset(*pair, str(tmp_path / "b"), valid_fraction=0.3, points_per_shard=20)
    assert whole.fingerprint == pieces.fingerprint


_FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")  # of DIA, for these values
@pytest.mark.parametrize("make", [*_FORMATS, "csc_array", "dense", "fortran", "list", "int8"])
def test_every_kind_of_matrix_gives_the_dataset_of_csr(tmp_path, monkeypatch, make):
    monkeypatch.setattr(matrices, "_ROWS", 37)
    train, test = sample.random_points(90), sample.random_points(20, seed=1)
    for points in (train, test):  # whole numbers, which every dtype holds
        points.feature_values[:] = np.where(points.feature_values > 0, 3, -2)

    def of_kind(matrix):
        if make == "csc_array":
            return scipy.sparse.csc_array(matrix)
        if make in _FORMATS:
            return matrix.asformat(make)
        dense = matrix.toarray()
        return {"fortran": np.asfortranarray(dense), "list": dense.tolist(), "int8": dense.astype(np.int8)}.get(
            make, dense
        )

    settings = {"valid_fraction": 0.3, "points_per_shard": 20, "spec": FeatureSpec(50)}
    expected = mach_tf.write_dataset(*_pair(train), str(tmp_path / "a"), test=_pair(test), **settings)
    pairs = [tuple(map(of_kind, _pair(points))) for points in (train, test)]
    found = mach_tf.write_dataset(*pairs[0], str(tmp_path / "b"), test=pairs[1], **settings)
    assert found.fingerprint == expected.fingerprint
    assert list(verification.problems(str(tmp_path / "b"))) == []
    assert found.splits["train"].sources[0].bytes > 0


def test_the_source_of_csr_matrices_is_the_hash_of_their_arrays(tmp_path):
    X, Y = _pair(sample.random_points(90))
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)  # hashed as they are
    manifest = mach_tf.write_dataset(X, Y, str(tmp_path / "d"))
    parts = [array for matrix in (X, Y) for array in (matrix.indptr, matrix.indices, matrix.data)]
    (source,) = manifest.splits["train"].sources
    assert source.path == "<train matrices>" and source.bytes == sum(part.nbytes for part in parts)
    assert source.sha256 == hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("kind", ["ids", "names", "names of a larger vocabulary"])
def test_label_sequences_give_the_dataset_of_their_indicator(tmp_path, kind):
    train, test = sample.random_points(90), sample.random_points(20, seed=1)
    names = [f"label {i:02d}" for i in range(40)]
    names = names[::-1] if "vocabulary" in kind else names
    sequences = [
        [[int(i) if kind == "ids" else names[i] for i in row] for row in np.split(p.label_ids, p.label_splits[1:-1])]
        for p in (train, test)
    ]
    named = {"label_names": names} if "vocabulary" in kind else {}
    expected = mach_tf.write_dataset(*_pair(train), str(tmp_path / "a"), test=_pair(test))
    found = mach_tf.write_dataset(
        train.features(500), sequences[0], str(tmp_path / "b"), test=(test.features(500), sequences[1]), **named
    )
    assert found.fingerprint == expected.fingerprint
    assert found.read_label_names(str(tmp_path / "b")) == (None if kind == "ids" else names)


def test_data_frames_name_features_and_labels(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X = pandas.DataFrame({"height": [1.5, 0, 2], "red": [True, False, True]})
    Y = pandas.DataFrame({"cat": [0, 1, 0], "dog": [1, 1, 0]})
    manifest = mach_tf.write_dataset(X, Y, str(tmp_path / "d"), test=(X, Y), spec=FeatureSpec(0, norm="none"))
    assert manifest.read_feature_names(str(tmp_path / "d")) == ["height", "red"]
    assert manifest.read_label_names(str(tmp_path / "d")) == ["cat", "dog"]
    points = records.read_points(str(tmp_path / "d"), manifest, "test")
    np.testing.assert_array_equal(points.features(2).toarray(), X.to_numpy(dtype=float))
    np.testing.assert_array_equal(points.labels(2).toarray(), Y.to_numpy())
    for swapped, rule in (
        ((X[["red", "height"]], Y), "test: X must have the columns"),
        ((X, Y[["dog", "cat"]]), "test: Y must"),
    ):
        with pytest.raises(InputError, match=rule):
            mach_tf.write_dataset(X, Y, str(tmp_path / "e"), test=swapped)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_train_and_the_part_held_back_are_a_partition(tmp_path, fraction):
    chosen = dataset.held_back(np.arange(300), fraction, 1)
    points = sample.random_points(300)
    spec = FeatureSpec(0, norm="none")
    manifest = mach_tf.write_dataset(
        *_pair(points), str(tmp_path / "d"), valid_fraction=fraction, split_seed=1, spec=spec
    )
    for split, keep in (("train", ~chosen), ("valid", chosen)):
        sample.assert_same(records.read_points(str(tmp_path / "d"), manifest, split), points[keep])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (
            {"X": np.arange(9.0)},
            r"^train: X must be 2-D, one row per point \(got 1-D, \(9,\)\)\. Reshape your data: np\.reshape\(X, ",
        ),
        ({"Y": np.zeros((9, 3), complex)}, r"^train: Y must hold real numbers \(got complex128\)"),
        ({"X": np.zeros((9, 0))}, r"^train: X has 0 feature\(s\)"),
        ({"Y": np.full((9, 3), -1)}, r"^train: Y must mark a label by a positive number .*-1/\+1: use Y > 0\."),
        ({"test": (scipy.sparse.csr_matrix((2, 5)), -np.ones((2, 3)))}, r"^test: Y must mark .* in row 0, column 0"),
        ({"X": np.full((9, 5), np.inf)}, r"^train: X must be finite as float32 \(got inf in row 0, column 0\)"),
        ({"X": None}, r"^train: X must be a 2-D array, a SciPy sparse matrix or a DataFrame of numbers \(got NoneType"),
        ({"Y": None}, r"^train: Y must hold the labels of each point"),
        ({"valid": np.zeros((9, 5))}, r"^valid must be a pair \(X, Y\) of features and labels \(got ndarray\)"),
        ({"Y": scipy.sparse.csr_matrix((8, 3))}, "train: X has 9 rows and Y has 8; both need one row per point"),
        (
            {"X": scipy.sparse.csr_matrix((0, 5)), "Y": scipy.sparse.csr_matrix((0, 3))},
            "X and Y must have at least 1 row, one per point .got 0",
        ),
        (
            {"test": (scipy.sparse.csr_matrix((2, 4)), scipy.sparse.csr_matrix((2, 3)))},
            r"^test: X must have 5 columns, as the training X has \(got 4\)",
        ),
        (
            {"test": (scipy.sparse.csr_matrix((2, 5)), scipy.sparse.csr_matrix((2, 4)))},
            r"^test: Y must have 3 columns, as the training Y has \(got 4\)",
        ),
        ({"X": scipy.sparse.csr_matrix(([np.nan], ([2], [1])), (9, 5))}, "finite as float32 .got nan in row 2"),
        ({"X": scipy.sparse.csr_matrix(([1e300], ([0], [1])), (9, 5))}, "finite as float32"),
        ({"valid_fraction": 1.0}, "valid_fraction must be"),
        ({"valid_fraction": 1e-9}, "valid split must have at least one point"),
        (
            {"feature_names": ["a"]},
            r"^feature_names must hold 5 names, one per feature \(got 1\)\. feature_names.txt stores one name per line",
        ),
        (
            {"label_names": ["a", "b", "c\nd"]},
            r"^label_names must hold 3 names, one per label .*\. label_names.txt stores one name per line",
        ),
        ({"label_names": ["a", "b\r", "c"]}, r"^label_names must hold 3 names.*got the name .b.r., which contains"),
        ({"points_per_shard": 0}, "points_per_shard must be at least 1"),
    ],
)
def test_refusals_leave_nothing(tmp_path, change, rule):
    arguments = {"X": scipy.sparse.csr_matrix((9, 5)), "Y": scipy.sparse.csr_matrix((9, 3)), **change}
    with pytest.raises(InputError, match=rule):
        mach_tf.write_dataset(output_dir=str(tmp_path / "d"), **arguments)
    assert not os.listdir(tmp_path)
