from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.data import damage, examples
from mach_tf.errors import InputError
from tests.helpers import sample

_PLACES = {"length": 2, "length's CRC": 9, "message": 30, "message's CRC": -1}


@pytest.mark.parametrize("record", [0, 3, 19])
@pytest.mark.parametrize("place", _PLACES)
def test_a_flipped_bit_is_found(tmp_path, record, place):
    made = examples.encode(sample.random_points(20))
    begin = int(made.ends[record - 1]) if record else 0
    at = begin + _PLACES[place] if _PLACES[place] >= 0 else int(made.ends[record]) - 1
    data = made.data.copy()
    data[at] ^= 4
    (tmp_path / "file").write_bytes(data)
    assert damage.find(str(tmp_path / "file")) == (record, begin)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(tmp_path / "file")))


@pytest.mark.parametrize("cut", [1, 4, 5, 11, 12, 16, 40])
def test_a_cut_off_file_is_found(tmp_path, cut):
    made = examples.encode(sample.random_points(20))
    (tmp_path / "file").write_bytes(made.data[:-cut])
    size = len(made.data) - made.ends[18]
    expected = (19, int(made.ends[18])) if cut < size else (18, int(made.ends[17]))
    assert damage.find(str(tmp_path / "file")) == expected


def test_a_length_that_is_huge_with_a_crc_that_fits(tmp_path):
    from mach_tf.data.crc32c import crc32c, masked

    length = np.frombuffer(np.uint64(2**64 - 8).tobytes(), np.uint8)
    crc = np.array([masked(crc32c(length, 0, 8))], np.uint32)
    (tmp_path / "file").write_bytes(length.tobytes() + crc.tobytes() + bytes(50))
    assert damage.find(str(tmp_path / "file")) == (0, 0)


def test_whole_files(tmp_path):
    (tmp_path / "file").write_bytes(examples.encode(sample.random_points(20)).data)
    (tmp_path / "empty").touch()
    assert damage.find(str(tmp_path / "file")) is None and damage.find(str(tmp_path / "empty")) is None


def test_named_names_a_shard_that_went_missing(tmp_path):
    manifest = sample.write(str(tmp_path / "data"), train=sample.random_points(9))
    shard = tmp_path / "data" / manifest.splits["train"].shards[0].file
    shard.unlink()
    with (
        pytest.raises(InputError, match=f"{shard} is missing"),
        damage.named(str(tmp_path / "data"), manifest, "train"),
    ):
        list(tf.data.TFRecordDataset(str(shard)))


def test_named_leaves_other_errors_alone(tmp_path):
    manifest = sample.write(str(tmp_path / "data"), train=sample.random_points(9))
    with pytest.raises(tf.errors.InvalidArgumentError), damage.named(str(tmp_path / "data"), manifest, "train"):
        tf.reshape(tf.zeros(3), [2])


def test_named_names_a_shard_with_whole_records_that_is_not_the_one_written(tmp_path):
    manifest = sample.write(str(tmp_path / "data"), train=sample.random_points(9))
    shard = tmp_path / "data" / manifest.splits["train"].shards[0].file
    shard.write_bytes(examples.encode(sample.random_points(9, seed=1)).data)
    with (
        pytest.raises(InputError, match=f"{shard} is not the file that dataset.json describes"),
        damage.named(str(tmp_path / "data"), manifest, "train"),
    ):
        tf.reshape(tf.zeros(3), [2])
