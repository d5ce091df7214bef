from __future__ import annotations

import dataclasses
import glob
import os

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import mach_tf
from mach_tf.buckets import BucketSpec
from mach_tf.data.dataset_reader import DatasetReader
from mach_tf.errors import InputError
from mach_tf.hashing import FeatureSpec
from mach_tf.manifest import ModelManifest
from mach_tf.training import finite_state, group_training
from mach_tf.training.checkpoints import Position
from mach_tf.training.strategies import create
from mach_tf.training_config import TrainingConfig


def job(tmp_path, **changes):
    rng = np.random.default_rng(0)
    features = scipy.sparse.random(30, 20, 0.3, "csr", np.float32, rng)
    labels = scipy.sparse.random(30, 9, 0.2, "csr", np.float32, rng)
    dataset = mach_tf.write_dataset(
        features, labels, str(tmp_path / "data"), spec=FeatureSpec(dim=0), points_per_shard=15
    )
    config = TrainingConfig(**{"hidden_units": 4, "batch_size": 8, "epochs": 2, **changes})
    model = ModelManifest(20, 9, FeatureSpec(dim=0), BucketSpec(5, 3), config, dataset.fingerprint, {}, {})
    (tmp_path / "model").mkdir()
    return group_training.Job(
        DatasetReader(str(tmp_path / "data"), dataset), str(tmp_path / "model"), model, create("one_device")
    )


def test_output_biases_begin_at_the_buckets_log_odds():
    table = np.array([[0, 1, 1, 3], [2, 2, 2, 2]], np.int32)
    bias = group_training.bucket_log_odds(table, np.array([10, 5, 15, 100]), 100, 4)
    probability = 1 / (1 + np.exp(-bias))
    np.testing.assert_allclose(probability, [[0.1, 0.2, 0.005, 0.5], [0.005, 0.005, 0.5, 0.005]], rtol=1e-5)


def test_the_model_is_compiled_as_the_configuration_says(tmp_path):
    made = job(tmp_path, optimizer="adam", learning_rate_decay="linear", epochs=3)
    model = group_training.build(made, [0, 2], np.stack([made.model.bucket_spec.row(r, 9) for r in (0, 2)]))
    assert type(model.optimizer) is tf.keras.optimizers.legacy.Adam
    assert model.optimizer.learning_rate.decay_steps == 3 * made.steps_per_epoch
    assert model.repetitions == (0, 2)


def test_a_single_cpu_reads_an_epoch_without_the_iterator_for_several_devices(tmp_path):
    made = job(tmp_path)
    data = group_training._epoch_data(made, np.stack([made.model.bucket_spec.row(0, 9)]), 0, 0)
    assert isinstance(iter(data)._iterators[0]._iterator, tf.data.Iterator)


def test_an_epoch_is_each_point_once_in_an_order_of_its_own_and_goes_on_anywhere(tmp_path):
    made = job(tmp_path)
    table = np.stack([made.model.bucket_spec.row(0, 9)])

    def read(epoch, skip):
        return [b.points.feature_values.numpy() for b in group_training._epoch_data(made, table, epoch, skip)]

    first, again, second = read(0, 0), read(0, 0), read(1, 0)
    assert made.steps_per_epoch == len(first) == 4
    for ours, theirs in zip(first, again):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(first[3:], read(0, 3)):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(np.sort(np.concatenate(first)), np.sort(np.concatenate(second)))


def test_epochs_read_together_are_those_read_alone(tmp_path):
    made = job(tmp_path, feature_dropout=0.5)
    table = np.stack([made.model.bucket_spec.row(0, 9)])

    def read(epoch, end=None):
        return [b.points.feature_values.numpy() for b in group_training._epoch_data(made, table, epoch, 1, end)]

    together, alone = read(1, 4), read(1) + read(2) + read(3)
    assert len(together) == len(alone) == 9
    for ours, theirs in zip(together, alone):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("start", "fits"),
    [
        ((0, 0), [(range(0, 5), 0)]),
        ((2, 3), [(range(2, 3), 3), (range(3, 5), 0)]),
        ((4, 3), [(range(4, 5), 3)]),
        ((1, 10), [(range(2, 5), 0)]),
        ((4, 10), []),
    ],
)
def test_what_is_left_is_one_fit_but_for_a_half_done_epoch(start, fits):
    assert group_training._fits(Position(*start), 5, 10) == fits


def test_nothing_but_the_model_is_written_if_nobody_looks(tmp_path):
    made = dataclasses.replace(job(tmp_path), checkpoint_minutes=None, curves=False)
    assert group_training.train_group(made, [1]) is not None
    assert os.listdir(made.model_dir) == ["repetition-001"]


@pytest.mark.parametrize(("optimizer", "minutes"), [("laprop", 10.0), ("adam", None)])
def test_weights_that_grow_beyond_the_limit_in_the_only_step_are_not_written(tmp_path, monkeypatch, optimizer, minutes):
    """The learning rates that are accepted do not reach the limit in one step; so it is lowered here."""
    monkeypatch.setattr(finite_state, "LARGEST_WEIGHT", 1e3)
    made = job(tmp_path, batch_size=64, epochs=1, learning_rate=1e6, learning_rate_decay="none", optimizer=optimizer)
    made = dataclasses.replace(made, checkpoint_minutes=minutes, curves=False)
    with pytest.raises(InputError, match=r"must be finite and below 1000, but after step 1 "):
        group_training.train_group(made, [1])
    assert not list((tmp_path / "model").rglob("*.npy")) and not list((tmp_path / "model").glob("repetition-*"))


def test_without_checkpoints_a_stop_still_leaves_one(tmp_path):
    asked = []
    made = job(tmp_path)
    stopped = dataclasses.replace(
        made, checkpoint_minutes=None, curves=False, stop_requested=lambda: asked.append(0) or len(asked) == 7
    )
    assert group_training.train_group(stopped, [1]) is None
    (path,) = (tmp_path / "model" / "checkpoints" / "repetitions-001").iterdir()
    # Asked once before the first step, then after each: it stops after 6 of 4 steps per epoch.
    assert path.name == "epoch-0001-step-00000002"


def test_feature_dropout_goes_on_where_an_epoch_was_left(tmp_path):
    made = job(tmp_path, feature_dropout=0.5)
    table = np.stack([made.model.bucket_spec.row(0, 9)])

    def read(skip):
        return [b.points.feature_values.numpy() for b in group_training._epoch_data(made, table, 1, skip)]

    whole, rest = read(0), read(2)
    entries = made.dataset.split("train").features
    assert 0.3 * entries < sum(map(len, whole)) < 0.7 * entries
    for ours, theirs in zip(whole[2:], rest):
        np.testing.assert_array_equal(ours, theirs)


def test_points_are_held_out_by_the_features_that_dropout_has_not_touched(tmp_path):
    def read(**settings):
        folder = tmp_path / f"{len(settings)}"
        folder.mkdir()
        made = job(folder, calibration_fraction=0.5, **settings)
        table = np.stack([made.model.bucket_spec.row(0, 9)])
        return np.concatenate([b.halves for b in group_training._epoch_data(made, table, 0, 0)])

    expected = read()
    assert set(expected) == {-1, 0, 1}
    np.testing.assert_array_equal(read(feature_dropout=0.5), expected)


def test_a_stop_before_the_first_step_changes_nothing(tmp_path):
    made = dataclasses.replace(job(tmp_path), stop_requested=lambda: True)
    assert group_training.train_group(made, [0]) is None
    assert os.listdir(made.model_dir) == []


def test_a_damaged_shard_is_named(tmp_path):
    made = job(tmp_path)
    path = tmp_path / "data" / made.dataset.split("train").shards[1].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"train-00001-of-00002\.tfrecord, record \d+"):
        group_training.train_group(made, [0])


def replace(made, seed=1):
    """Replaces the dataset by another of the same sizes, as `overwrite=True` does."""
    rng = np.random.default_rng(seed)
    features, labels = (scipy.sparse.random(30, n, share, "csr", np.float32, rng) for n, share in ((20, 0.3), (9, 0.2)))
    mach_tf.write_dataset(
        features, labels, made.data.directory, spec=FeatureSpec(dim=0), points_per_shard=15, overwrite=True
    )


class ReplaceData(tf.keras.callbacks.Callback):
    def __init__(self, made, epoch):
        super().__init__()
        self.made, self.epoch = made, epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            replace(self.made)


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("minutes", [0, None])
def test_a_dataset_that_is_replaced_while_it_is_trained_on_ends_the_training(tmp_path, epoch, minutes):
    made = dataclasses.replace(job(tmp_path), checkpoint_minutes=minutes)
    with pytest.raises(InputError, match=r"was replaced by other content|must have|is not the file"):
        group_training.train_group(made, [0], [ReplaceData(made, epoch)])
    assert not glob.glob(f"{made.model_dir}/repetition-*")
    # What was saved before stays; nothing that was trained on the other data is saved.
    saved = glob.glob(f"{made.model_dir}/checkpoints/*/epoch-*")
    assert len(saved) == (1 if epoch == 1 and minutes == 0 else 0)


def test_a_dataset_that_is_replaced_between_groups_ends_the_training(tmp_path):
    made = job(tmp_path)
    assert group_training.train_group(made, [0])
    replace(made)
    with pytest.raises(InputError):
        group_training.train_group(made, [1])


def test_fewer_points_than_announced_end_the_training(tmp_path):
    made = job(tmp_path, epochs=1)
    split = made.dataset.splits["train"]
    shards = [dataclasses.replace(split.shards[0], points=150), split.shards[1]]
    splits = {"train": dataclasses.replace(split, points=165, shards=shards)}
    wrong = dataclasses.replace(made.dataset, splits=splits)
    made = dataclasses.replace(made, data=DatasetReader(made.data.directory, wrong))
    with pytest.raises(InputError, match=r"must have 150 points, according to dataset\.json \(got 15\)"):
        group_training.train_group(made, [0])
