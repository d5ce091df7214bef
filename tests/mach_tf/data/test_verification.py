from __future__ import annotations

import dataclasses
import os
import re

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import files, manifest
from mach_tf.data import examples, verification
from mach_tf.points import Points
from mach_tf.splits import Shard
from tests.helpers import sample


@pytest.fixture
def dataset(tmp_path):
    directory = str(tmp_path / "data")
    return directory, sample.write(directory, train=sample.random_points(150), test=sample.random_points(20, seed=1))


def _replace_shard(directory: str, written, index: int, data: bytes, **changes) -> None:
    """Puts other bytes into a train shard, and makes the manifest say so."""
    split = written.splits["train"]
    old = split.shards[index]
    path = os.path.join(directory, old.file)
    with open(path, "wb") as file:
        file.write(data)
    shards = list(split.shards)
    shards[index] = Shard(old.file, changes.get("points", old.points), len(data), files.sha256(path))
    points = sum(shard.points for shard in shards)
    split = dataclasses.replace(split, shards=shards, points=points)
    dataclasses.replace(written, splits={**written.splits, "train": split}).write(directory)


def _points(ids, values=None, labels=(1,)) -> Points:
    values = np.ones(len(ids)) if values is None else values
    return Points(
        np.array([0, len(ids)]),
        np.array(ids, np.int64),
        np.array(values, np.float32),
        np.array([0, len(labels)]),
        np.array(labels, np.int64),
    )


def test_a_whole_dataset_has_no_problems(dataset):
    assert list(verification.problems(dataset[0])) == []


def test_verify_sums_up_what_it_found(dataset):
    directory, written = dataset
    found = verification.verify(directory)
    assert found.is_whole and found == verification.Verification(directory, [], 170, 4, written.fingerprint)
    assert str(found) == f"{directory} is whole: 170 points in 4 shards, fingerprint {written.fingerprint[:16]}."
    shard = os.path.join(directory, written.splits["train"].shards[0].file)
    os.remove(shard)
    reported = []
    found = verification.verify(directory, reported.append)
    assert not found.is_whole and reported == found.problems and len(reported) == 1 and shard in reported[0]
    assert str(found) == f"{reported[0]}\n{directory} is damaged: 1 problem(s)."
    assert found.to_json() == {
        "dataset_dir": directory,
        "problems": reported,
        "points": 170,
        "shards": 4,
        "fingerprint": written.fingerprint,
    }
    os.remove(os.path.join(directory, manifest.DATASET_FILE))
    found = verification.verify(directory)
    assert (len(found.problems), found.points, found.fingerprint) == (1, 0, "")
    assert str(found) == f"{directory} is not a dataset: it holds no dataset.json."


@pytest.mark.parametrize(
    ("points", "rule"),
    [
        (_points([300]), r"feature_ids must be in \[0, 300\)"),
        (_points([1], labels=[40]), r"label_ids must be in \[0, 40\)"),
        (_points([5, 2]), "feature_ids must be ascending and unique"),
        (_points([5, 5]), "feature_ids must be ascending and unique"),
        (_points([5], labels=[3, 3]), "label_ids must be ascending and unique"),
        (_points([5], [np.nan]), "feature_values must be finite"),
    ],
)
def test_a_record_of_bad_content_is_named(dataset, points, rule):
    directory, written = dataset
    good = examples.encode(written.feature_spec.apply(sample.random_points(69)))
    data = good.data[: good.ends[30]].tobytes() + examples.encode(points).data.tobytes()
    data += good.data[good.ends[30] :].tobytes()
    _replace_shard(directory, written, 1, data)
    (problem,) = verification.problems(directory)
    assert re.search(f"train-00001-of-00003.tfrecord, record 31: {rule}", problem)


@pytest.mark.parametrize("message", ["not an example", "too few values", "strings"])
def test_a_record_of_another_schema_is_named(dataset, message):
    directory, written = dataset
    example = tf.train.Example()
    example.features.feature["feature_ids"].int64_list.value.extend([1, 2])
    example.features.feature["feature_values"].float_list.value.extend([1.0])
    if message == "strings":
        example.features.feature["label_ids"].bytes_list.value.append(b"x")
    path = os.path.join(directory, "extra")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(b"\xff\xff nonsense" if message == "not an example" else example.SerializeToString())
    with open(path, "rb") as file:
        _replace_shard(directory, written, 0, file.read(), points=1)
    problems = list(verification.problems(directory))
    expected = "as many feature_values as feature_ids" if message == "too few values" else "must be a tf.train.Example"
    assert len(problems) == 1 and "record 0" in problems[0] and expected in problems[0]


def test_flipped_bits_are_named_by_shard_and_record(dataset):
    directory, written = dataset
    for split, shard in (("train", 2), ("test", 0)):
        path = os.path.join(directory, written.splits[split].shards[shard].file)
        with open(path, "r+b") as file:
            file.seek(50)
            byte = file.read(1)[0]
            file.seek(50)
            file.write(bytes([byte ^ 1]))
    first, second = verification.problems(directory)
    assert "train-00002-of-00003.tfrecord, record" in first and "test-00000-of-00001.tfrecord, record" in second


def test_a_shard_of_another_dataset_is_found(dataset):
    """Whole and well-formed, of the same size, but not the one written."""
    directory, written = dataset
    shard = os.path.join(directory, written.splits["train"].shards[0].file)
    data = bytearray(open(shard, "rb").read())  # noqa: SIM115
    made = examples.encode(written.feature_spec.apply(sample.random_points(150)))
    first, second = bytes(data[: made.ends[0]]), bytes(data[made.ends[0] : made.ends[1]])
    data[: made.ends[1]] = second + first
    with open(shard, "wb") as file:
        file.write(data)
    (problem,) = verification.problems(directory)
    assert "must have the SHA-256" in problem


def test_counts_that_differ_are_found(dataset):
    directory, written = dataset
    split = dataclasses.replace(written.splits["test"], features=1, labels=2)
    dataclasses.replace(written, splits={**written.splits, "test": split}).write(directory)
    problems = list(verification.problems(directory))
    assert [problem.split(",")[0] for problem in problems] == [
        "The test split must have 1 features in total",
        "The test split must have 2 labels in total",
    ]
    counts = os.path.join(directory, manifest.LABEL_COUNTS_FILE)
    np.save(counts, np.zeros(40, np.int64))
    dataclasses.replace(written, label_counts_sha256=files.sha256(counts)).write(directory)
    (problem,) = verification.problems(directory)
    assert "training frequencies" in problem


def test_every_damaged_file_is_named_not_the_first_alone(dataset):
    directory, written = dataset
    shards = [os.path.join(directory, shard.file) for shard in written.splits["train"].shards]
    os.remove(os.path.join(directory, manifest.LABEL_COUNTS_FILE))
    os.remove(shards[0])
    os.truncate(shards[1], os.path.getsize(shards[1]) - 1)
    with open(shards[2], "r+b") as file:
        file.write(b"x")
    found = list(verification.problems(directory))
    expected = [
        (shards[0], "is missing"),
        (shards[1], f"must have {written.splits['train'].shards[1].bytes} bytes"),
        (os.path.join(directory, manifest.LABEL_COUNTS_FILE), "is missing"),
        (shards[1], "record 69"),
        (shards[2], "record 0"),
    ]
    assert len(found) == len(expected)
    for problem, (path, rule) in zip(found, expected):
        assert problem.startswith(path) and rule in problem
