"""Small random points and datasets for the tests of reading and writing."""

from __future__ import annotations

import numpy as np

from mach_tf.data import dataset
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points

FIELDS = ("row_splits", "feature_ids", "feature_values", "label_splits", "label_ids")


def random_points(n: int, features: int = 500, labels: int = 40, seed: int = 0) -> Points:
    """Raw points; some have no features, some no labels."""
    random = np.random.default_rng(seed)
    rows = [np.sort(random.choice(features, random.integers(0, 20), replace=False)) for _ in range(n)]
    tags = [np.sort(random.choice(labels, random.integers(0, 5), replace=False)) for _ in range(n)]
    row_splits, label_splits = np.cumsum([0, *map(len, rows)]), np.cumsum([0, *map(len, tags)])
    values = random.normal(size=row_splits[-1]).astype(np.float32)
    return Points(
        row_splits, np.concatenate(rows).astype(np.int64), values, label_splits, np.concatenate(tags).astype(np.int64)
    )


def write(directory: str, points_per_shard: int = 70, **splits: Points) -> DatasetManifest:
    """Writes raw points as a dataset of 500 features in 300 columns and 40 labels."""
    spec = FeatureSpec(300)
    with dataset.open_dataset(directory, 500, 40, spec, points_per_shard=points_per_shard, overwrite=True) as writer:
        for split, points in splits.items():
            writer.add(split, dataset.make_chunk(points, spec))
        return writer.finish({})


def assert_same(found: Points, expected: Points) -> None:
    """Asserts that points are equal to the bit."""
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
