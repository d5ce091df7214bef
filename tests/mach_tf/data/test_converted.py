from __future__ import annotations

import collections
import json
import re

import numpy as np
import pytest

from mach_tf.data.converted import Converted, features_that_share_a_column
from mach_tf.data.libsvm import BadLine
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import DatasetManifest
from mach_tf.splits import Shard, Split


def _manifest(features: int, spec: FeatureSpec) -> DatasetManifest:
    splits = {
        "train": Split(3000, 18_000, 18_030, 6000, [Shard("a", 2000, 1, ""), Shard("b", 1000, 1, "")], []),
        "test": Split(4, 10, 10, 0, [Shard("c", 4, 1, "")], []),
    }
    return DatasetManifest(features, 70, spec, splits, "0")


def _converted(skipped=()) -> Converted:
    return Converted("data/mine", _manifest(5000, FeatureSpec(0)), list(skipped), 6_000_000, 2.0)


def test_it_prints_as_a_table():
    lines = str(_converted()).splitlines()
    titles = ["split", "points", "labels/point", "features/point", "after hashing", "collisions in points", "shards"]
    assert re.split(r"  +", lines[0].strip()) == titles
    assert lines[2].split() == ["train", "3,000", "2.00", "6.01", "6.00", "30", "2"]
    assert lines[3].split() == ["test", "4", "0.00", "2.50", "2.50", "0", "1"]
    assert lines[5:] == [
        "5,000 features in 5,000 columns (0 share a column with another), 70 labels.",
        "3,004 points, 6.0 MB of text in 2.0 s: 1,502 points/s, 3.0 MB/s.",
        "4 of 4 points of the test split have no label; no prediction for them can be right.",
        "Dataset: data/mine",
    ]
    assert "; 1 bad line(s) skipped, listed in skipped.txt." in str(_converted([BadLine("a", 2, "bad.")]))


def test_hashing_few_features_is_called_what_it_costs():
    few = Converted("data/mine", _manifest(5000, FeatureSpec(5000)), [], 6_000_000, 2.0)
    many = Converted("data/mine", _manifest(5000, FeatureSpec(4999)), [], 6_000_000, 2.0)
    assert "With feature_hash_dim=0 the model would have 5,000 input columns instead of 5,000." in str(few)
    assert f", 70 labels. {few.hint}\n" in str(few) and few.hint != many.hint
    assert few.report(lambda hint: "Or not.") == str(few).replace(few.hint, "Or not.")


def test_hashing_many_features_is_called_what_columns_of_their_own_would_cost():
    hashed = Converted("data/mine", _manifest(105_964, FeatureSpec(50_000)), [], 6_000_000, 2.0)
    # 8 x 512 x 4 bytes per column.
    assert "With feature_hash_dim=0 each feature would have its own column" in hashed.hint
    assert hashed.hint.endswith("would have 1.7 GB of first layers instead of 819.2 MB.")
    own = Converted("data/mine", _manifest(105_964, FeatureSpec(0)), [], 6_000_000, 2.0)
    assert own.hint == "" and "feature_hash_dim" not in str(own)


def test_a_small_text_is_counted_in_kilobytes():
    small = Converted("data/mine", _manifest(5, FeatureSpec(0)), [], 2_400, 2.0)
    assert "2.4 kB of text in 2.0 s: 1,502 points/s, 1.2 kB/s." in str(small)


def test_it_is_json():
    made = _converted([BadLine("a", 2, "bad.")])
    assert json.loads(json.dumps(made.to_json())) == {
        "output_dir": "data/mine",
        "fingerprint": made.manifest.fingerprint,
        "features": 5000,
        "columns": 5000,
        "labels": 70,
        "splits": {
            "train": {
                **{"points": 3000, "labels": 6000, "raw_features": 18_030, "features": 18_000, "shards": 2},
                **{"without_labels": 0, "without_features": 0},
            },
            "test": {
                **{"points": 4, "labels": 0, "raw_features": 10, "features": 10, "shards": 1},
                **{"without_labels": 0, "without_features": 0},
            },
        },
        "skipped": ["a, line 2: bad."],
        "text_bytes": 6_000_000,
        "notes": [],
        "seconds": 2.0,
    }


@pytest.mark.parametrize("dim", [1, 100, 3000, 0])
@pytest.mark.parametrize("chunk", [64, 1 << 20])
def test_features_that_share_a_column_are_counted(monkeypatch, dim, chunk):
    monkeypatch.setattr("mach_tf.data.converted._CHUNK", chunk)
    spec = FeatureSpec(dim, 3)
    counts = collections.Counter(spec.ids(np.arange(500)).tolist())
    expected = sum(count for count in counts.values() if count > 1)
    assert features_that_share_a_column(_manifest(500, spec)) == expected
