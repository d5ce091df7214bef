from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.errors import InputError
from mach_tf.training import finite_state, strategies
from mach_tf.training.optimizers.laprop import LazyLaProp
from tests.mach_tf.training.test_model import group


def compiled(strategy="one_device"):
    with strategies.create(strategy).scope():
        model = group([1, 2])
        model.compile(LazyLaProp(0.1))
    return model


@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
def test_initial_weights_pass(strategy):
    finite_state.check(compiled(strategy))


@pytest.mark.parametrize("block_floats", [1 << 22, 30])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e15, -1e30])
@pytest.mark.parametrize("position", range(4))
def test_one_weight_that_is_of_no_use_is_found_in_any_block(monkeypatch, position, value, block_floats):
    monkeypatch.setattr("mach_tf.variable_rows._BLOCK_FLOATS", block_floats)
    model = compiled()
    variable = model.trainable_variables[position]
    values = variable.numpy()
    values.reshape(-1)[-1] = value
    variable.assign(values)
    with pytest.raises(
        InputError, match=r"below 1e\+15, but after step 0 \w+ of repetitions 1, 2 is not\. Lower learning_rate"
    ):
        finite_state.check(model)


def test_moments_may_be_large_but_not_infinite():
    model = compiled()
    moment = model.moments[0]
    moment.assign(tf.fill(moment.shape, 1e30))
    finite_state.check(model)
    moment.assign(tf.fill(moment.shape, np.inf))
    with pytest.raises(InputError, match="must be finite"):
        finite_state.check(model)
