from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.seeds import Purpose, derive
from mach_tf.training.feature_dropout import drop_features
from tests.mach_tf.training.test_training_batch import ragged_points


def batches(count, points=200):
    whole = tf.data.Dataset.from_tensors(ragged_points(points))
    return whole.repeat(count)


def entries(batch):
    """Returns the entries as a set of (point, feature), and the values by entry."""
    points = batch["feature_ids"].value_rowids().numpy().tolist()
    keys = list(zip(points, batch["feature_ids"].flat_values.numpy().tolist()))
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, batch["feature_values"].flat_values.numpy()))


def kept(probability=0.3, seed=1, epoch=0, first_step=0, count=1):
    key = derive(seed, epoch, Purpose.FEATURE_DROPOUT)
    return [frozenset(entries(b)) for b in drop_features(batches(count), probability, key, first_step)]


@pytest.mark.parametrize("probability", [0.2, 0.7])
def test_some_entries_stay_each_scaled_and_the_labels_all(probability):
    whole = ragged_points(200)
    (batch,) = drop_features(batches(1), probability, 1)
    before, after = entries(whole), entries(batch)
    assert set(after) < set(before)
    for key, value in after.items():
        np.testing.assert_allclose(value, before[key] / (1 - probability), rtol=1e-6)
    # Five standard deviations.
    slack = 5 * (probability * (1 - probability) / len(before)) ** 0.5
    assert abs(len(after) / len(before) - (1 - probability)) < slack
    assert batch["feature_ids"].nrows() == 200
    np.testing.assert_array_equal(batch["feature_ids"].row_splits, batch["feature_values"].row_splits)
    assert batch["label_ids"].to_list() == whole["label_ids"].to_list()


def test_seed_epoch_and_step_decide_what_is_left_out():
    assert kept() == kept()
    different = [kept()[0], kept(seed=2)[0], kept(epoch=1)[0], kept(first_step=1)[0]]
    assert len(set(different)) == 4


def test_going_on_at_a_step_leaves_out_what_a_whole_epoch_does():
    whole = kept(count=5)
    assert len(set(whole)) == 5
    assert kept(count=2, first_step=3) == whole[3:]


def test_without_a_probability_nothing_changes():
    data = batches(1)
    assert drop_features(data, 0.0, 1) is data


def test_points_without_entries_stay():
    empty = {name: value[:0] for name, value in ragged_points(3).items()}
    no_features = {
        **ragged_points(3),
        "feature_ids": tf.ragged.constant([[], [], []], tf.int64, row_splits_dtype=tf.int64),
    }
    no_features["feature_values"] = tf.cast(no_features["feature_ids"], tf.float32)
    for batch, points in ((empty, 0), (no_features, 3)):
        (found,) = drop_features(tf.data.Dataset.from_tensors(batch), 0.5, 1)
        assert found["feature_ids"].nrows() == points and not entries(found)
