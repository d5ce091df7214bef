"""An open dataset: what was replaced while it is read is found, by whatever way it was replaced."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from mach_tf.data import records
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.manifest import DATASET_FILE, DatasetManifest
from tests.helpers import sample


@pytest.fixture
def directory(tmp_path):
    path = str(tmp_path / "data")
    sample.write(path, train=sample.random_points(200), test=sample.random_points(30, seed=1))
    return path


def shard_of(directory, split="train", index=1):
    return os.path.join(directory, DatasetManifest.read(directory).split(split).shards[index].file)


def overwrite(path):
    """Changes a value of the first record in place; the CRC no longer fits, but nothing here reads it."""
    with open(path, "r+b") as file:
        file.seek(40)
        byte = file.read(1)[0]
        file.seek(40)
        file.write(bytes([byte ^ 1]))


def rename_over(path):
    shutil.copyfile(path, f"{path}.new")
    overwrite(f"{path}.new")
    os.replace(f"{path}.new", path)


def keep_times(path):
    before = os.stat(path)
    overwrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("replace", [overwrite, rename_over, keep_times])
def test_a_shard_with_other_content_is_named(directory, replace):
    data = DatasetReader.open(directory)
    data.check("train")
    replace(shard_of(directory))
    data.check("test")
    with pytest.raises(
        InputError, match=r"train-00001-of-00003\.tfrecord was replaced by other content while it was in"
    ):
        data.check("train")


def test_a_shard_that_went_missing_is_named(directory):
    data = DatasetReader.open(directory)
    os.remove(shard_of(directory))
    with pytest.raises(InputError, match=r"train-00001-of-00003\.tfrecord is missing; it existed at the start"):
        data.check("train")


def test_a_copy_of_the_same_content_passes(directory):
    data = DatasetReader.open(directory)
    shutil.copytree(directory, f"{directory}.copy")
    shutil.rmtree(directory)
    os.rename(f"{directory}.copy", directory)
    data.check("train")
    os.chmod(shard_of(directory), 0o600)
    data.check("train")


@pytest.mark.parametrize(
    "read",
    [
        lambda data: list(data.iterate_points("train")),
        lambda data: data.read_points("train"),
        lambda data: data.read_points("train", 3),
        lambda data: data.sample_points("train", 5),
    ],
)
def test_a_dataset_that_is_replaced_before_it_is_read_is_found(directory, read):
    data = DatasetReader.open(directory)
    shutil.rmtree(directory)
    sample.write(directory, train=sample.random_points(200, seed=2), test=sample.random_points(30, seed=3))
    with pytest.raises(InputError, match=r"was replaced by other content|must have|is not the file"):
        read(data)
    again = DatasetReader.open(directory)
    assert again.manifest.fingerprint != data.manifest.fingerprint and len(again.read_points("train")) == 200


def test_reading_gives_what_the_records_hold(directory):
    data = DatasetReader.open(directory)
    expected = records.read_points(directory, data.manifest, "train")
    sample.assert_same(data.read_points("train"), expected)
    sample.assert_same(data.read_points("train", 7), expected[:7])
    sample.assert_same(data.sample_points("train", 200), expected)
    assert sum(map(len, data.iterate_points("train"))) == 200
    np.testing.assert_array_equal(data.label_counts(), np.bincount(expected.label_ids, minlength=40))


def test_a_dataset_that_is_replaced_while_it_is_opened_is_not_taken_for_either(directory, monkeypatch):
    read = DatasetManifest.read

    def replaced(path):
        manifest = read(path)
        os.utime(os.path.join(path, DATASET_FILE))
        return manifest

    monkeypatch.setattr(DatasetManifest, "read", replaced)
    with pytest.raises(InputError, match=r"data was replaced while it was opened\. Start again\."):
        DatasetReader.open(directory)


def test_no_dataset_is_named(tmp_path):
    with pytest.raises(InputError, match="dataset; make one with mach-preprocess"):
        DatasetReader.open(str(tmp_path))
