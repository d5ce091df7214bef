"""Planted points are text of the repository, have the means of their shape, and are the same however they are divided."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks import scale_points
from benchmarks.scale_shapes import SHAPES
from mach_tf.data import libsvm

SMALL = dataclasses.replace(
    SHAPES["amazon-670k"], points=5000, test_points=200, features=3000, labels=2000, features_per_point=40.0
)


@pytest.fixture(scope="module")
def law():
    return scale_points.law(SMALL, 3)


def text(law, begin, count):
    counts = np.zeros(law.labels, np.int64)
    lines, labels, features = scale_points.write(law, 0, begin, count, counts)
    assert counts.sum() == labels
    return lines.tobytes(), labels, features


def test_points_are_read_back(law, tmp_path):
    lines, labels, features = text(law, 0, 2000)
    path = tmp_path / "train.txt"
    path.write_bytes(b"2000 3000 2000\n" + lines)
    header, points = libsvm.read_points(str(path))
    assert header == (2000, 3000, 2000)
    assert len(points.label_ids) == labels and len(points.feature_ids) == features
    assert labels / 2000 == pytest.approx(SMALL.labels_per_point, rel=0.05)
    assert features / 2000 == pytest.approx(SMALL.features_per_point, rel=0.05)
    np.testing.assert_allclose(np.add.reduceat(points.feature_values**2, points.row_splits[:-1]), 1, atol=1e-4)
    inside = np.setdiff1d(np.arange(1, features), points.row_splits)
    assert (np.diff(points.feature_ids)[inside - 1] > 0).all()  # sorted, each once
    assert (np.diff(points.label_splits) > 0).all()
    counts = np.sort(np.bincount(points.feature_ids, minlength=3000))[::-1]
    assert counts[:30].sum() > 10 * counts[-300:].sum() > 0


def test_blocks_do_not_matter_and_the_seed_does(law):
    whole = text(law, 0, 100)[0]
    assert whole == text(law, 0, 37)[0] + text(law, 37, 63)[0]
    assert whole != text(scale_points.law(SMALL, 4), 0, 100)[0]
    assert whole != scale_points.write(law, 1, 0, 100, np.zeros(2000, np.int64))[0].tobytes()


def test_labels_share_the_features_of_their_cluster(law, tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"3000 3000 2000\n" + text(law, 0, 3000)[0])
    _, points = libsvm.read_points(str(path))
    x, y = points.features(3000), points.labels(2000)
    x.data[:] = 1
    rare = np.flatnonzero(np.bincount(x.indices, minlength=3000) < 300)
    common = (x[:, rare] @ x[:, rare].T).tocoo()
    shared = np.asarray((y @ y.T)[common.row, common.col]).ravel() > 0
    others = common.row != common.col
    assert common.data[shared & others].mean() > 3 * common.data[~shared & others].mean()


@pytest.mark.slow
def test_the_tail_of_amazon_670k_is_the_published_one():
    shape = SHAPES["amazon-670k"]
    law = scale_points.law(shape, 0)._replace(mean_features=1.0)
    counts = np.zeros(shape.labels, np.int64)
    for begin in range(0, shape.points, 5000):
        scale_points.write(law, 0, begin, min(5000, shape.points - begin), counts)
    assert counts.mean() == pytest.approx(shape.points_per_label, rel=0.03)
    assert np.mean(counts > 5) == pytest.approx(shape.more_than_five, rel=0.1)
