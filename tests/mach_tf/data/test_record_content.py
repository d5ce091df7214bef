"""What a record must hold: the check in the graph and the one that finds the record agree, and the record is named."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import files
from mach_tf.data import damage, record_content, records
from mach_tf.errors import InputError
from tests.helpers import sample

COLUMNS, LABELS = 300, 40


def record(ids=(1, 5), values=(0.5, 0.25), labels=(3, 7)):
    features = {
        "feature_ids": tf.train.Feature(int64_list=tf.train.Int64List(value=ids)),
        "feature_values": tf.train.Feature(float_list=tf.train.FloatList(value=values)),
        "label_ids": tf.train.Feature(int64_list=tf.train.Int64List(value=labels)),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


BAD = [
    (record(ids=(1, COLUMNS)), r"feature_ids must be in \[0, 300\)"),
    (record(ids=(-1, 5)), r"feature_ids must be in \[0, 300\)"),
    (record(ids=(5, 1)), "feature_ids must be ascending and unique in a point"),
    (record(ids=(5, 5)), "feature_ids must be ascending and unique in a point"),
    (record(labels=(LABELS,)), r"label_ids must be in \[0, 40\)"),
    (record(labels=(10**15,)), r"label_ids must be in \[0, 40\)"),
    (record(labels=(3, 3)), "label_ids must be ascending and unique in a point"),
    (record(values=(0.5,)), "a point must have as many feature_values as feature_ids"),
    (record(values=(0.5, float("nan"))), "feature_values must be finite"),
    (b"no example", "a record must be a tf.train.Example"),
]
GOOD = [record(), record((), (), ()), record(ids=(0, COLUMNS - 1), labels=(0, LABELS - 1)), record((), (), ())]


@pytest.fixture
def dataset(tmp_path):
    directory = str(tmp_path / "data")
    return directory, sample.write(directory, train=sample.random_points(100))


def write_shard(directory, manifest, serialized):
    """Replaces the first shard by other records, with every checksum right, as a stranger may."""
    split = manifest.splits["train"]
    path = os.path.join(directory, split.shards[0].file)
    with tf.io.TFRecordWriter(path) as writer:
        for one in serialized:
            writer.write(one)
    shard = dataclasses.replace(
        split.shards[0], points=len(serialized), bytes=os.path.getsize(path), sha256=files.sha256(path)
    )
    shards = [shard, *split.shards[1:]]
    changed = dataclasses.replace(split, shards=shards, points=sum(one.points for one in shards))
    dataclasses.replace(manifest, splits={"train": changed}).write(directory)
    return type(manifest).read(directory)


def test_good_records_pass_both_checks(dataset):
    directory, manifest = dataset
    assert record_content.read(tf.constant(GOOD), manifest).problem == ""
    records.parse_examples(tf.constant(GOOD), COLUMNS, LABELS)
    for order in np.random.default_rng(0).integers(len(GOOD), size=(20, 6)):
        records.parse_examples(tf.constant([GOOD[i] for i in order]), COLUMNS, LABELS)
    assert len(records.read_points(directory, write_shard(directory, manifest, GOOD), "train")) == 34


# Not by the bytes: the order of a message's map differs from process to process.
@pytest.mark.parametrize("bad, rule", BAD, ids=[f"record {place}" for place in range(len(BAD))])
def test_a_bad_record_with_valid_checksums_is_named_wherever_it_is_read(dataset, bad, rule):
    directory, manifest = dataset
    manifest = write_shard(directory, manifest, [*GOOD, bad, *GOOD])
    assert record_content.read(tf.constant([*GOOD, bad]), manifest).problem
    with pytest.raises(InputError, match=rule) as caught:
        records.read_points(directory, manifest, "train")
    assert "of-00002.tfrecord, record 4: " in str(caught.value)
    with pytest.raises(InputError, match=rule), damage.named(directory, manifest, "train"):
        list(records.batches(directory, manifest, "train", 4, shuffle_seed=1))


def test_the_first_problem_of_a_shard(dataset):
    directory, manifest = dataset
    path = os.path.join(directory, manifest.splits["train"].shards[0].file)
    assert record_content.first_problem(path, manifest) == ""
    write_shard(directory, manifest, [*GOOD, BAD[0][0]])
    assert record_content.first_problem(path, manifest).startswith(f"{path}, record 4: feature_ids must be in")
