from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.data import examples
from mach_tf.points import Points
from tests.helpers import sample


def _serialize(points: Points) -> list[bytes]:
    """One message a point, built of TensorFlow's own classes."""
    messages = []
    for i in range(len(points)):
        features = slice(points.row_splits[i], points.row_splits[i + 1])
        labels = slice(points.label_splits[i], points.label_splits[i + 1])
        message = tf.train.Example()
        entries = message.features.feature
        entries["feature_ids"].int64_list.value.extend(points.feature_ids[features].tolist())
        entries["feature_values"].float_list.value.extend(points.feature_values[features].tolist())
        entries["label_ids"].int64_list.value.extend(points.label_ids[labels].tolist())
        for name, kind in (
            ("feature_ids", "int64_list"),
            ("feature_values", "float_list"),
            ("label_ids", "int64_list"),
        ):
            getattr(entries[name], kind).SetInParent()
        messages.append(message.SerializeToString(deterministic=True))
    return messages


@pytest.mark.parametrize(("features", "seed"), [(30, 0), (500, 1), (2**31 - 1, 2)])
def test_bytes_are_those_of_tensorflow(tmp_path, features, seed):
    scale = max(1, features // 500)
    points = sample.random_points(50, min(features, 500), seed=seed)
    points = Points(
        points.row_splits, points.feature_ids * scale, *[getattr(points, name) for name in sample.FIELDS[2:]]
    )
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as writer:
        for message in _serialize(points):
            writer.write(message)
    records = examples.encode(points)
    assert records.data.tobytes() == (tmp_path / "file").read_bytes()
    sizes = [len(message) + 16 for message in _serialize(points)]
    np.testing.assert_array_equal(records.ends, np.cumsum(sizes))


@pytest.mark.parametrize("size", [1, 42, 43, 127, 128, 4096, 5461, 70_000])
def test_long_points(size):
    """Around the sizes at which a length takes another byte."""
    ids = np.arange(size, dtype=np.int64)
    points = Points(np.array([0, size]), ids, np.ones(size, np.float32), np.array([0, size]), ids)
    data = examples.encode(points).data
    assert data[12:-4].tobytes() == _serialize(points)[0]


def test_nothing():
    points = sample.random_points(3)[np.zeros(3, bool)]
    assert len(examples.encode(points).data) == 0
