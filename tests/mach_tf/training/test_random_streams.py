from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.seeds import Purpose
from mach_tf.training.random_streams import RandomStreams
from mach_tf.training.training_batch import replica_batches
from tests.mach_tf.training.test_training_batch import ragged_points

TABLE = np.zeros((2, 12), np.int32)


def pieces(replicas, points=7):
    return list(replica_batches(tf.data.Dataset.from_tensors(ragged_points(points)), TABLE, replicas))


@pytest.mark.parametrize("replicas", [2, 3, 9])
def test_a_point_has_the_same_draws_in_every_replica(replicas):
    streams, step = RandomStreams(3, [0, 4]), tf.constant(5)
    (whole,) = pieces(1)
    parts = pieces(replicas)
    noise = streams.noise(whole, step)
    assert noise.shape == (len(whole.points.feature_ids), 2)
    np.testing.assert_array_equal(np.concatenate([streams.noise(part, step) for part in parts]), noise)
    mask = streams.dropout_mask(whole, 6, 16, 0.5, step)
    assert mask.shape == (7, 2, 6) and set(np.unique(mask)) == {0.0, 2.0}
    np.testing.assert_array_equal(
        np.concatenate([streams.dropout_mask(part, 6, 16, 0.5, step) for part in parts]), mask
    )


def test_noise_is_uniform_and_of_its_own_seed_repetition_and_step():
    (whole,) = pieces(1, 2000)
    draws = [
        RandomStreams(seed, [repetition]).noise(whole, tf.constant(step)).numpy()[:, 0]
        for seed, repetition, step in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    for each in draws:
        assert -1 <= each.min() < -0.99 and 0.99 < each.max() < 1
        assert abs(each.mean()) < 0.05 and abs(each.var() - 1 / 3) < 0.02
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.06
    beside = RandomStreams(0, [1, 0]).noise(whole, tf.constant(0)).numpy()
    np.testing.assert_array_equal(beside, np.stack([draws[2], draws[0]], axis=1))


def test_initial_values_are_stacked_along_an_axis():
    streams = RandomStreams(0, [0, 1])
    first, last = (streams.initial(Purpose.HIDDEN_KERNEL, [30, 4], 0.5, axis).numpy() for axis in (0, 1))
    np.testing.assert_array_equal(first, last.transpose(1, 0, 2))
    assert first.shape == (2, 30, 4) and abs(first.std() - 0.5) < 0.1 and (first[0] != first[1]).all()
