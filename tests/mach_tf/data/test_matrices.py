from __future__ import annotations

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
        ({"X": scipy.sparse.csc_matrix((9, 5))}, "must be scipy.sparse CSR"),
        ({"Y": np.zeros((9, 3))}, "must be scipy.sparse CSR"),
        ({"Y": scipy.sparse.csr_matrix((8, 3))}, "with the same n"),
        ({"X": scipy.sparse.csr_matrix((0, 5)), "Y": scipy.sparse.csr_matrix((0, 3))}, "at least 1"),
        ({"test": (scipy.sparse.csr_matrix((2, 4)), scipy.sparse.csr_matrix((2, 3)))}, "test: X must be \\[n, 5\\]"),
        ({"test": (scipy.sparse.csr_matrix((2, 5)), scipy.sparse.csr_matrix((2, 4)))}, "and Y \\[n, 3\\]"),
        ({"X": scipy.sparse.csr_matrix(([np.nan], ([2], [1])), (9, 5))}, "finite as float32 .got nan in row 2"),
        ({"X": scipy.sparse.csr_matrix(([1e300], ([0], [1])), (9, 5))}, "finite as float32"),
        ({"valid_fraction": 1.0}, "valid_fraction must be"),
        ({"valid_fraction": 1e-9}, "valid split must have at least one point"),
        ({"feature_names": ["a"]}, "feature_names.txt must have 5 lines"),
        ({"label_names": ["a", "b", "c\nd"]}, "label_names.txt must have 3 lines"),
        ({"points_per_shard": 0}, "points_per_shard at least 1"),
    ],
)
def test_refusals_leave_nothing(tmp_path, change, rule):
    arguments = {"X": scipy.sparse.csr_matrix((9, 5)), "Y": scipy.sparse.csr_matrix((9, 3)), **change}
    with pytest.raises(InputError, match=rule):
        mach_tf.write_dataset(output_dir=str(tmp_path / "d"), **arguments)
    assert not os.listdir(tmp_path)
