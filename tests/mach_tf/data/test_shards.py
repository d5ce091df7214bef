from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import files
from mach_tf.data import examples, shards
from tests.helpers import sample


@pytest.mark.parametrize("limit", [1, 7, 50, 60, 1000])
@pytest.mark.parametrize("pieces", [1, 3, 60])
def test_records_fill_one_shard_after_the_other(tmp_path, limit, pieces):
    points = sample.random_points(60)
    writer = shards.ShardWriter(str(tmp_path), "train", limit)
    for chosen in np.array_split(np.arange(60), pieces):
        writer.write(examples.encode(points[np.isin(np.arange(60), chosen)]))
    written = writer.finish()
    total = -(-60 // limit)
    assert [shard.file for shard in written] == [f"train-{i:05d}-of-{total:05d}.tfrecord" for i in range(total)]
    assert sorted(os.listdir(tmp_path)) == [shard.file for shard in written]
    whole = b""
    for shard in written:
        path = str(tmp_path / shard.file)
        assert (shard.bytes, shard.sha256) == (os.path.getsize(path), files.sha256(path))
        assert sum(1 for _ in tf.data.TFRecordDataset(path)) == shard.points
        whole += (tmp_path / shard.file).read_bytes()
    assert [shard.points for shard in written[:-1]] == [limit] * (total - 1)
    assert whole == examples.encode(points).data.tobytes()


def test_no_name_looks_final_before_the_end(tmp_path):
    writer = shards.ShardWriter(str(tmp_path), "train", 10)
    writer.write(examples.encode(sample.random_points(25)))
    assert all(name.endswith(".partial") for name in os.listdir(tmp_path))
    writer.abandon()
