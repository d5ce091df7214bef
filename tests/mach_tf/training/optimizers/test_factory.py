from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.optimizers import factory
from mach_tf.training.optimizers.laprop import LazyLaProp
from mach_tf.training.optimizers.lazy_adam import ChunkedLazyAdam
from mach_tf.training.optimizers.rowwise import RowwiseRMSProp
from mach_tf.training_config import TrainingConfig


@pytest.mark.parametrize("decay", ["none", "linear", "cosine"])
def test_learning_rate(decay):
    config = TrainingConfig(learning_rate=0.4, learning_rate_decay=decay)
    rate = factory.learning_rate(config, 100)
    at = (lambda step: rate) if isinstance(rate, float) else (lambda step: float(rate(step)))
    expected = {"none": [0.4, 0.4, 0.4], "linear": [0.4, 0.2, 0.0], "cosine": [0.4, 0.2, 0.0]}[decay]
    np.testing.assert_allclose([at(0), at(50), at(100)], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "epsilon"),
    [
        ("laprop", LazyLaProp, 1e-10),
        ("rowwise", RowwiseRMSProp, 1e-10),
        ("lazy_adam", ChunkedLazyAdam, 1e-5),
        ("adam", tf.keras.optimizers.legacy.Adam, 1e-5),
    ],
)
def test_the_flag_names_the_optimizer_and_epsilon_is_of_the_sum_over_buckets(name, kind, epsilon):
    config = TrainingConfig(optimizer=name, optimizer_epsilon=2e-4, learning_rate=0.4, learning_rate_decay="linear")
    made = factory.create(config, 20, 100, 1)
    assert type(made) is kind
    assert made.epsilon == pytest.approx(epsilon)
    assert float(made.learning_rate(50)) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["laprop", "rowwise", "lazy_adam"])
@pytest.mark.parametrize("replicas", [1, 2])
def test_rows_that_replicas_share_are_summed_first(name, replicas):
    """A row given twice: with two replicas one update by the sum; of one replica unique rows are expected."""

    def after(indices, values, replicas):
        made = factory.create(TrainingConfig(optimizer=name, learning_rate_decay="none"), 20, 100, replicas)
        variable = tf.Variable(tf.zeros([4, 2]), name="hidden_kernel")
        for step in range(2):
            gradient = tf.IndexedSlices(tf.constant(values) * (step + 1.0), tf.constant(indices, tf.int64), [4, 2])
            made.apply_gradients([(gradient, variable)])
        return variable.numpy()

    once = after([1], [[3.0, -2.0]], replicas)
    twice = after([1, 1], [[5.0, -3.0], [-2.0, 1.0]], replicas)
    assert np.allclose(once, twice, rtol=1e-5) == (replicas > 1)
