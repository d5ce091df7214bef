from __future__ import annotations

import itertools
import os
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from mach_tf import points
from mach_tf.errors import InputError
from mach_tf.training import callbacks
from mach_tf.training.callbacks import Curves, SaveCheckpoints, StopAtNonFiniteLoss, Validation
from tests.mach_tf.test_classifier import dense_logits, random_points
from tests.mach_tf.training.test_model import BUCKETS, COLUMNS, LABELS, TABLE, group


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["clean", "adversarial"])
def test_a_loss_that_is_not_finite_is_named(value, name):
    callback = StopAtNonFiniteLoss()
    callback.model = SimpleNamespace(repetitions=(4, 7), optimizer=SimpleNamespace(iterations=tf.Variable(12)))
    callback.on_epoch_begin(2)
    callback.on_train_batch_end(0, {"clean_loss": np.float32([0.5, 0.5]), "adversarial_loss": np.float32([1, 1])})
    with pytest.raises(InputError, match=rf"the {name} loss of repetition 7 is {value} in epoch 3, step 12"):
        callback.on_train_batch_end(1, {f"{name}_loss": np.float32([0.5, value])})


@pytest.mark.parametrize("repetitions", [[1], [0, 2, 3]])
def test_validation_is_precision_by_brute_force(repetitions):
    """logit_mean by hand, on 300 points, so in more than one batch."""
    model = group(repetitions)
    features, labels = random_points(300, COLUMNS, 0.2), random_points(300, LABELS, 0.2, seed=1)
    sample = points.from_csr(features, labels)
    callback = Validation(sample, COLUMNS, TABLE[repetitions], BUCKETS, "logit_mean")
    weights = list(map(model.weights_of, range(len(repetitions))))
    logits = np.stack([dense_logits(w, features.toarray()) for w in weights], axis=1)
    scores = np.mean([logits[:, g, TABLE[r]] for g, r in enumerate(repetitions)], axis=0)
    hit = np.take_along_axis(labels.toarray() != 0, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    found = callback.measure(model)
    np.testing.assert_allclose(
        [found["P@1"], found["P@5"]], [100 * hit[:, 0].mean(), 100 * hit[:, :5].mean()], atol=0.4
    )


def curves(directory, points, warn):
    """The callback in a model, and that model's number of steps."""
    callback, iterations = Curves(directory, points, 4, warn), tf.Variable(0)
    optimizer = SimpleNamespace(iterations=iterations, _decayed_lr=lambda _: 0.1)
    callback.model = SimpleNamespace(optimizer=optimizer, ramped=dict)
    return callback, iterations


@pytest.mark.parametrize(("points", "sizes"), [(10, [4, 4, 2]), (8, [4, 4]), (3, [3])])
def test_points_a_second_are_those_of_the_batch(tmp_path, monkeypatch, points, sizes):
    """Each step takes half a second by this clock; the last one of an epoch may be short."""
    clock = itertools.count(0, 0.5)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    callback, iterations = curves(str(tmp_path), points, pytest.fail)
    for step in range(2 * len(sizes)):
        iterations.assign(step + 1)
        callback.on_train_batch_begin(step % len(sizes))
        callback.on_train_batch_end(step % len(sizes))
    callback.on_epoch_end(1)
    (file,) = tmp_path.iterdir()
    found = [
        float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
        if value.tag == "points_per_second"
    ]
    assert found == [2 * size for size in 2 * sizes]


def write_two_epochs(callback, iterations):
    for step in range(1, 9):
        iterations.assign(step)
        callback.on_train_batch_begin(0)
        callback.on_train_batch_end(0, {"clean_loss": np.float32([0.5])})
        if step % 4 == 0:
            callback.on_epoch_end(step // 4 - 1, {"P@1": 50.0})


@pytest.mark.parametrize("kind", ["file", "below_a_file", "fifo"])
def test_a_place_that_takes_no_curves_is_warned_of_once(tmp_path, kind):
    path, said = tmp_path / "tensorboard", []
    os.mkfifo(path) if kind == "fifo" else path.touch()
    write_two_epochs(*curves(str(path / "curves" if kind == "below_a_file" else path), 16, said.append))
    (text,) = said
    assert re.match(rf"TensorBoard logs cannot be written to {path}.*not a directory\); training goes on.*", text, re.I)


@pytest.mark.parametrize("call", ["scalar", "flush"])
def test_a_disk_that_fills_up_is_warned_of_once(tmp_path, monkeypatch, call):
    said, calls = [], []
    callback, iterations = curves(str(tmp_path), 16, said.append)
    callback.on_train_batch_begin(0)
    callback.on_train_batch_end(0)

    def full(*_, **__):
        calls.append(call)
        raise tf.errors.ResourceExhaustedError(
            None, None, "{{function_node a}} events; No space\n\tleft on device [Op:A] name:"
        )

    monkeypatch.setattr(*((tf.summary, "scalar") if call == "scalar" else (callback._writer, "flush")), full)
    write_two_epochs(callback, iterations)
    assert len(calls) == 1
    assert said == [
        f"TensorBoard logs cannot be written to {tmp_path} (events; No space left on device); training goes on without them."
    ]


class Clock:
    """Stands in for the module time."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(callbacks, "time", found)
    return found


def saving(clock, found, minutes=0, expected=1.0, takes=1.0, stop=lambda: False):
    def save(epoch, steps):
        clock.now += takes
        found.append((epoch, steps))

    callback = SaveCheckpoints(save, 8, minutes, expected, stop)
    callback.model = SimpleNamespace(stop_training=False)
    callback.set_params({"steps": 7, "epochs": 8})
    callback.on_train_begin()
    return callback


def train(callback, clock, seconds, epochs=range(8), steps=7):
    """Each epoch takes that many seconds."""
    for epoch in epochs:
        callback.on_epoch_begin(epoch)
        for batch in range(steps):
            clock.now += seconds / steps
            callback.on_train_batch_end(batch)
            if callback.model.stop_training:
                break
        callback.on_epoch_end(epoch)


@pytest.mark.parametrize(
    ("seconds", "expected", "takes", "saved"),
    [
        (40.1, 1.0, 1.0, [0, 1, 2, 3, 4, 5, 6]),
        (20.1, 1.0, 1.0, [1, 3, 5]),
        (20.1, 0.1, 1.0, [0, 2, 4, 6]),
        (20.1, 10.0, 1.0, []),
        (20.1, 0.1, 3.0, [0, 6]),
        (39.9, 1.0, 0.1, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_epochs_but_the_last_end_with_a_checkpoint_if_it_takes_a_fortieth_of_the_time(
    clock, seconds, expected, takes, saved
):
    found = []
    train(saving(clock, found, 0, expected, takes), clock, seconds)
    assert found == [(epoch, 7) for epoch in saved]


def test_an_epoch_that_was_stopped_is_saved_once(clock):
    found, done = [], []
    train(saving(clock, found, stop=lambda: done.append(0) or len(done) == 10), clock, 100, range(2))
    assert found == [(0, 7), (1, 3)]


def test_without_checkpoints_only_a_stop_saves_one(clock):
    found, done = [], []
    train(saving(clock, found, None, stop=lambda: done.append(0) or len(done) == 17), clock, 10_000, range(3))
    assert found == [(2, 3)]


def test_checkpoints_come_every_few_minutes(clock):
    found = []
    train(saving(clock, found, minutes=2.9, takes=4.0, expected=4.0), clock, 420, range(2))
    assert found == [(0, 3), (0, 6), (1, 2), (1, 5)]


@pytest.mark.parametrize(("takes", "saved"), [(6.1, [(0, 3), (1, 1), (1, 6)]), (20.0, [(0, 3)])])
def test_checkpoints_come_less_often_if_they_take_longer(clock, takes, saved):
    found = []
    train(saving(clock, found, minutes=2.9, takes=takes, expected=1.0), clock, 420, range(2))
    assert found == saved
