from __future__ import annotations

import os

import numpy as np
import pytest

from mach_tf.data import dataset, examples, verification
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from mach_tf.points import Points
from mach_tf.splits import Source
from tests.helpers import sample

SPEC = FeatureSpec(300)


def _write(directory: str, points, **options) -> DatasetManifest:
    with dataset.open_dataset(directory, 500, 40, SPEC, **options) as writer:
        writer.add("train", dataset.make_chunk(points, SPEC))
        return writer.finish({})


def test_a_chunk_counts_what_the_manifest_tells():
    points = sample.random_points(50)
    chunk = dataset.make_chunk(points, SPEC)
    hashed = SPEC.apply(points)
    assert chunk.records.data.tobytes() == examples.encode(hashed).data.tobytes()
    assert (chunk.features, chunk.raw_features) == (len(hashed.feature_ids), len(points.feature_ids))
    np.testing.assert_array_equal(chunk.label_ids, points.label_ids)


@pytest.mark.parametrize("norm", ["l2", "none"])
def test_features_that_add_up_beyond_float32_are_refused(norm):
    values = np.array([1, 3e38, 3e38], np.float32)
    points = Points(np.array([0, 1, 3]), np.array([4, 0, 1]), values, np.zeros(3, np.int64), np.zeros(0, np.int64))
    with pytest.raises(InputError, match=r"finite as float32 .*values up to 3e\+38.*feature_hash_dim of 0"):
        dataset.make_chunk(points, FeatureSpec(1, norm=norm))
    assert len(dataset.make_chunk(points, FeatureSpec(0, norm=norm)).records.ends) == 2


def test_totals_and_label_counts(tmp_path):
    train, test = sample.random_points(100), sample.random_points(30, seed=1)
    manifest = sample.write(str(tmp_path / "d"), train=train, test=test)
    assert list(verification.problems(str(tmp_path / "d"))) == []
    split = manifest.splits["test"]
    hashed = SPEC.apply(test)
    expected = (30, len(hashed.feature_ids), len(test.feature_ids), len(test.label_ids))
    assert (split.points, split.features, split.raw_features, split.labels) == expected
    counts = np.bincount(train.label_ids, minlength=40)
    np.testing.assert_array_equal(manifest.label_counts(str(tmp_path / "d")), counts)


def test_the_manifest_comes_last(tmp_path):
    """Whatever fails before leaves nothing at the place."""
    with pytest.raises(InputError, match="valid split must have at least one point"):
        with dataset.open_dataset(str(tmp_path / "d"), 500, 40, SPEC) as writer:
            writer.add("train", dataset.make_chunk(sample.random_points(9), SPEC))
            writer.finish({"train": [], "valid": [Source("a", 1, "0")]})
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_the_part_held_back_is_seeded(fraction):
    places = np.arange(20_000)
    chosen = dataset.held_back(places, fraction, 1)
    assert abs(chosen.mean() - fraction) < 0.02
    np.testing.assert_array_equal(chosen[5000:], dataset.held_back(places[5000:], fraction, 1))
    both = (chosen & dataset.held_back(places, fraction, 2)).mean()
    assert abs(both - fraction**2) < 0.02


@pytest.mark.parametrize(("split", "fraction"), [("train", 0.0), ("train", 0.4), ("test", 0.4)])
def test_only_training_points_are_shared_out(split, fraction):
    points = sample.random_points(100)
    shares = dict(dataset.share(split, points, np.arange(100) + 7, fraction, 3))
    back = dataset.held_back(np.arange(100) + 7, fraction, 3)
    if split == "train" and fraction:
        sample.assert_same(shares["train"], points[~back])
        sample.assert_same(shares["valid"], points[back])
    else:
        assert list(shares) == [split] and shares[split] is points


@pytest.mark.parametrize(
    ("fraction", "has_valid", "good"),
    [(0, True, True), (0.9, False, True), (1, False, False), (0.1, True, False), (-0.1, False, False)],
)
def test_valid_fraction(fraction, has_valid, good):
    if good:
        dataset.check_valid_fraction(fraction, has_valid)
    else:
        with pytest.raises(InputError, match="valid_fraction must be in"):
            dataset.check_valid_fraction(fraction, has_valid)


@pytest.mark.parametrize(("labels", "points_per_shard"), [(0, 5), (dataset.MAX_LABELS + 1, 5), (5, 0)])
def test_sizes_out_of_range_are_refused(tmp_path, labels, points_per_shard):
    with pytest.raises(InputError, match=r"labels must be in|points_per_shard must be at least 1"):
        with dataset.open_dataset(str(tmp_path / "d"), 500, labels, SPEC, points_per_shard=points_per_shard):
            pass
    assert not os.listdir(tmp_path)
