from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.data import damage, examples, records
from mach_tf.errors import InputError
from mach_tf.manifest import DatasetManifest
from tests.helpers import sample


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("dataset") / "data")
    points = sample.random_points(400)
    return directory, sample.write(directory, train=points, test=sample.random_points(90, seed=1)), points


def _rows(batches) -> list[tuple]:
    rows = []
    for batch in batches:
        for values in zip(*(batch[name].to_list() for name in ("feature_ids", "feature_values", "label_ids"))):
            rows.append(tuple(map(tuple, values)))
    return rows


def test_parse_examples():
    points = sample.random_points(50)
    made = examples.encode(points)
    starts = [0, *made.ends[:-1]]
    serialized = tf.constant([made.data[a + 12 : b - 4].tobytes() for a, b in zip(starts, made.ends)])
    parsed = records.parse_examples(serialized, 500, 40)
    assert parsed["feature_values"].row_splits is parsed["feature_ids"].row_splits
    for name, dtype in (("feature_ids", tf.int64), ("feature_values", tf.float32), ("label_ids", tf.int64)):
        assert parsed[name].dtype == dtype and parsed[name].row_splits.dtype == tf.int64
        np.testing.assert_array_equal(parsed[name].flat_values, getattr(points, name))
    np.testing.assert_array_equal(parsed["feature_ids"].row_splits, points.row_splits)
    np.testing.assert_array_equal(parsed["label_ids"].row_splits, points.label_splits)


@pytest.mark.parametrize("seed", [None, 3])
def test_reading_is_not_autotuned(dataset, seed):
    batches = records.batches(dataset[0], dataset[1], "train", 8, shuffle_seed=seed)
    assert batches.skip(1).prefetch(2).options().autotune.enabled is False


@pytest.mark.parametrize("chunk", [1, 64, 400, 1000])
def test_points_come_back_as_they_were_hashed(dataset, chunk):
    directory, manifest, raw = dataset
    parts = list(records.iterate_points(directory, manifest, "train", chunk))
    assert max(map(len, parts)) == min(chunk, 400)
    sample.assert_same(records.concatenate(parts), manifest.feature_spec.apply(raw))


@pytest.mark.parametrize("limit", [None, 0, 1, 70, 399, 400, 9999])
def test_read_points_stops_at_the_limit(dataset, limit):
    directory, manifest, raw = dataset
    wanted = np.arange(400) < (400 if limit is None else limit)
    sample.assert_same(
        records.read_points(directory, manifest, "train", limit), manifest.feature_spec.apply(raw)[wanted]
    )


@pytest.mark.parametrize(
    ("count", "wanted"), [(0, []), (1, [0]), (3, [0, 133, 266]), (400, range(400)), (9999, range(400))]
)
def test_a_sample_is_spread_over_the_split(dataset, count, wanted, monkeypatch):
    monkeypatch.setattr(records, "iterate_points", functools.partial(records.iterate_points, chunk=64))
    directory, manifest, raw = dataset
    points = records.sample_points(directory, manifest, "train", count)
    sample.assert_same(points, manifest.feature_spec.apply(raw)[np.isin(np.arange(400), list(wanted))])


@pytest.mark.parametrize(("batch_size", "drop"), itertools.product([1, 64, 400], [False, True]))
def test_batches_without_a_seed_keep_the_order(dataset, batch_size, drop):
    directory, manifest, _ = dataset
    batches = list(records.batches(directory, manifest, "train", batch_size, drop_remainder=drop))
    assert len(batches) == (400 // batch_size if drop else -(-400 // batch_size))
    points = records.read_points(directory, manifest, "train", 400)
    ids = np.concatenate([batch["feature_ids"].flat_values for batch in batches])
    np.testing.assert_array_equal(ids, points.feature_ids[: len(ids)])


@pytest.mark.parametrize("buffer", [1, 50, 1000])
def test_shuffling_is_a_permutation_given_by_seed_and_epoch(dataset, buffer):
    directory, manifest, _ = dataset

    def rows(seed, epoch):
        return _rows(
            records.batches(directory, manifest, "train", 64, shuffle_seed=seed, epoch=epoch, shuffle_buffer=buffer)
        )

    first = rows(1, 0)
    in_order = _rows(records.batches(directory, manifest, "train", 64))
    assert first == rows(1, 0)
    assert sorted(first) == sorted(in_order)
    for other in (rows(1, 1), rows(2, 0), in_order):
        moved = sum(a != b for a, b in zip(first, other))
        assert moved > 200


def test_a_damaged_record_is_named_by_shard_and_record(dataset, tmp_path):
    points = sample.random_points(200)
    manifest = sample.write(str(tmp_path / "data"), train=points)
    shard = tmp_path / "data" / manifest.splits["train"].shards[1].file
    data = bytearray(shard.read_bytes())
    encoded = examples.encode(manifest.feature_spec.apply(points))
    data[encoded.ends[70 + 4] - encoded.ends[69] + 20] ^= 1  # in the sixth record of the second shard
    shard.write_bytes(data)
    with pytest.raises(InputError, match=f"{shard}, record 5 "):
        records.read_points(str(tmp_path / "data"), DatasetManifest.read(str(tmp_path / "data")), "train")


def test_a_split_that_is_not_there_is_refused(dataset):
    directory, manifest, _ = dataset
    with pytest.raises(InputError, match=r"no 'valid' split; it has train, test\. Choose one of them\."):
        records.read_points(directory, manifest, "valid")


def test_epochs_in_one_dataset_are_those_of_batches_bit_for_bit(dataset):
    directory, manifest = dataset[:2]

    def each(position, batches):
        return batches.map(lambda batch: (position, batch))

    found = list(records.epochs(directory, manifest, "train", 8, shuffle_seed=3, numbers=[1, 5], each=each))
    whole = [
        (position, batch)
        for position, epoch in enumerate((1, 5))
        for batch in records.batches(directory, manifest, "train", 8, shuffle_seed=3, epoch=epoch)
    ]
    assert [int(position) for position, _ in found] == [position for position, _ in whole]
    for (_, ours), (_, theirs) in zip(found, whole):
        for name in theirs:
            np.testing.assert_array_equal(ours[name].row_splits, theirs[name].row_splits)
            np.testing.assert_array_equal(ours[name].flat_values, theirs[name].flat_values)


@pytest.mark.parametrize("announced", [-7, 7])
@pytest.mark.parametrize("seed", [None, 3])
def test_more_or_fewer_points_than_announced_are_named(dataset, announced, seed):
    directory, manifest, _ = dataset
    wrong = _announcing(manifest, announced)
    message = rf"00002-of-00006\.tfrecord must have {70 + announced} points, according to dataset\.json \(got 70\)"
    with pytest.raises(InputError, match=message), damage.named(directory, wrong, "train"):
        batches = records.batches(directory, wrong, "train", 100, shuffle_seed=seed)
        # Training asks for as many batches as the announced points make, and for no end.
        taken = itertools.islice(batches, -(-(400 + announced) // 100)) if seed else batches
        if sum(int(batch["label_ids"].nrows()) for batch in taken) < 400 + announced:
            raise AssertionError("a short epoch was taken for a whole one")
    with pytest.raises(InputError, match=message):
        records.sample_points(directory, wrong, "train", 10)


def test_each_of_several_epochs_is_counted(dataset):
    directory, manifest, _ = dataset
    wrong = _announcing(manifest, 7)
    with pytest.raises(InputError, match=r"\(got 70\)"), damage.named(directory, wrong, "train"):
        numbers = range(3)
        each = records.epochs(
            directory, wrong, "train", 100, shuffle_seed=0, numbers=numbers, each=lambda _, batches: batches
        )
        for _ in itertools.islice(each, 15):
            pass


def _announcing(manifest, more):
    """The manifest of a dataset whose third train shard is said to hold some points more or fewer than it does."""
    split = manifest.splits["train"]
    shards = list(split.shards)
    shards[2] = dataclasses.replace(shards[2], points=shards[2].points + more)
    changed = dataclasses.replace(split, points=split.points + more, shards=shards)
    return dataclasses.replace(manifest, splits={**manifest.splits, "train": changed})
