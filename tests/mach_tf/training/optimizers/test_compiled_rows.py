"""The compiled update of rows: what is filled up changes nothing, and it is chosen where it works."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import devices
from mach_tf.training.optimizers import compiled_rows
from mach_tf.training_config import TrainingConfig

SETTINGS = {"lr": 0.1, "rho": 0.99, "momentum": 0.9, "epsilon": 1e-14}


def variables(rows=5):
    generator = np.random.default_rng(0)
    return [tf.Variable(generator.random((rows, 2)).astype(np.float32)) for _ in range(3)]


def test_rows_that_are_filled_up_change_nothing():
    gradient = np.random.default_rng(1).normal(size=(2, 2)).astype(np.float32)
    plain, filled = variables(), variables()
    before = [variable.numpy() for variable in plain]

    @tf.function
    def step(group, rows, values):
        compiled_rows.update(*group, tf.constant(rows, tf.int64), values, SETTINGS)

    step(plain, [3, 1], gradient)
    step(filled, [3, 1, 5, 5], np.concatenate([gradient, np.ones((2, 2), np.float32)]))
    for ours, theirs, old in zip(filled, plain, before):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(ours.numpy()[[0, 2, 4]], old[[0, 2, 4]])
        assert (ours.numpy()[[1, 3]] != old[[1, 3]]).all()


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0), (1, 1), (17, 17), (32, 32), (33, 34), (9071, 9216), (16384, 16384), (16385, 17408)]
)
def test_numbers_of_rows(count, expected):
    rows, counts = compiled_rows.filled(tf.range(count, dtype=tf.int64), tf.ones([count], tf.int32), 50_000)
    assert len(rows) == len(counts) == expected
    assert set(rows.numpy()[count:]) <= {50_000} and not counts.numpy()[count:].any()


def test_few_numbers_are_left():
    def size(count):
        return len(compiled_rows.filled(tf.zeros([count], tf.int64), tf.zeros([count], tf.int32), 1)[0])

    sizes = [size(count) for count in range(1024, 2049, 7)]
    assert len(set(sizes)) == 17 and sizes == sorted(sizes)


def test_it_is_chosen_for_laprop_on_one_gpu(monkeypatch):
    assert not compiled_rows.chosen(TrainingConfig(), 1)
    monkeypatch.setattr(devices, "default_is_gpu", lambda: True)
    assert compiled_rows.chosen(TrainingConfig(), 1)
    assert not compiled_rows.chosen(TrainingConfig(), 2)
    assert not compiled_rows.chosen(TrainingConfig(optimizer="lazy_adam"), 1)
    assert not compiled_rows.chosen(TrainingConfig(fgsm_support="dense"), 1)
    monkeypatch.setattr(compiled_rows, "_compiles", lambda: False)
    assert not compiled_rows.chosen(TrainingConfig(), 1)


def test_without_a_compiler_a_warning_says_so(monkeypatch):
    def fails(*_, **__):
        raise tf.errors.InternalError(None, None, "libdevice not found")

    monkeypatch.setattr(tf, "function", fails)
    compiled_rows._compiles.cache_clear()
    with pytest.warns(UserWarning, match="libdevice not found"):
        assert not compiled_rows._compiles()
    compiled_rows._compiles.cache_clear()
