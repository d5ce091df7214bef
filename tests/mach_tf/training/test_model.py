from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training import held_out, matrix_products, strategies
from mach_tf.training.model import RepetitionGroup
from mach_tf.training.optimizers import factory
from mach_tf.training.training_batch import replica_batches
from mach_tf.training_config import TrainingConfig
from tests.helpers import dense_training
from tests.mach_tf.training.test_training_batch import ragged_points

COLUMNS, LABELS, BUCKETS, TABLE = 40, 12, 5, np.random.default_rng(3).integers(0, 5, (4, 12)).astype(np.int32)


def config(**changes):
    settings = {
        "hidden_units": 6,
        "batch_size": 16,
        "epsilon": 0.1,
        "hidden_init_stddev": 1.0,
        "learning_rate": 0.05,
        "optimizer_epsilon": 5e-6,
    }
    return TrainingConfig(**{**settings, **changes})


def group(repetitions, **changes):
    bias = np.linspace(-2, 0, len(TABLE) * BUCKETS).reshape(-1, BUCKETS)[repetitions]
    return RepetitionGroup(config(**changes), COLUMNS, repetitions, bias.astype(np.float32))


def batch_of(points, repetitions, seed=0):
    points = points if isinstance(points, dict) else ragged_points(points, seed=seed)
    return next(iter(replica_batches(tf.data.Dataset.from_tensors(points), TABLE[repetitions], 1)))


def one_label_each(points):
    labels = np.arange(points["label_ids"].nrows()) % LABELS
    return {**points, "label_ids": tf.RaggedTensor.from_row_splits(labels, np.arange(len(labels) + 1))}


def compiled(model, steps=10):
    model.compile(optimizer=factory.create(model.config, BUCKETS, steps, 1))
    return model


@pytest.mark.parametrize("repetitions", [[0], [0, 2, 3]])
@pytest.mark.parametrize("support", ["nonzero", "dense"])
@pytest.mark.parametrize("weight", [0.0, 1.0, 0.3])
@pytest.mark.parametrize(("as_graph", "task"), [(False, "multilabel"), (True, "multilabel"), (False, "multiclass")])
def test_losses_and_gradients_are_those_of_the_definition(repetitions, support, weight, as_graph, task):
    model = group(repetitions, fgsm_support=support, adversarial_weight=weight, task=task)
    step = tf.function(model.losses_and_gradients) if as_graph else model.losses_and_gradients
    points = one_label_each(ragged_points(16)) if task == "multiclass" else ragged_points(16)
    losses, gradients = step(batch_of(points, repetitions))
    gradients = [tf.convert_to_tensor(g) for g in gradients]
    for position, repetition in enumerate(repetitions):
        clean, adversarial, expected = dense_training.losses_and_gradients(
            model, position, points, TABLE[repetition], model.config
        )
        np.testing.assert_allclose(losses["clean_loss"][position], clean, rtol=1e-5)
        if weight:
            np.testing.assert_allclose(losses["adversarial_loss"][position], adversarial, rtol=1e-5)
        else:
            assert "adversarial_loss" not in losses
        ours = [gradients[0][:, position], *(g[position] for g in gradients[1:])]
        for mine, theirs in zip(ours, expected):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-7)


METHODS = [
    {"adversarial": "n_fgsm"},
    {"adversarial": "pgd", "adversarial_steps": 4},
    {"adversarial": "ibp", "ibp_ramp": 0.0},
]


@pytest.mark.parametrize(("task", "as_graph"), [("multilabel", True), ("multiclass", False)])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["adversarial"])
def test_each_methods_losses_and_gradients_are_those_of_its_definition(method, task, as_graph):
    repetitions = [0, 2, 3]
    model = compiled(group(repetitions, **method, task=task, adversarial_weight=0.7))
    points = one_label_each(ragged_points(16)) if task == "multiclass" else ragged_points(16)
    batch = batch_of(points, repetitions)
    step = tf.function(model.losses_and_gradients) if as_graph else model.losses_and_gradients
    losses, gradients = step(batch)
    gradients = [tf.convert_to_tensor(g) for g in gradients]
    draws = model._streams.noise(batch, model.optimizer.iterations).numpy()
    rows = points["feature_ids"].value_rowids().numpy()
    for position, repetition in enumerate(repetitions):
        noise = np.zeros((16, COLUMNS))
        noise[rows, points["feature_ids"].values.numpy()] = draws[:, position]
        clean, adversarial, expected = dense_training.losses_and_gradients(
            model, position, points, TABLE[repetition], model.config, noise
        )
        np.testing.assert_allclose(losses["clean_loss"][position], clean, rtol=1e-5)
        np.testing.assert_allclose(losses["adversarial_loss"][position], adversarial, rtol=1e-5)
        ours = [gradients[0][:, position], *(g[position] for g in gradients[1:])]
        for mine, theirs in zip(ours, expected):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["adversarial"])
def test_each_method_gives_the_same_with_the_products_of_a_gpu(method, monkeypatch):
    ours = compiled(group([0, 2], **method))
    step = tf.function(ours.losses_and_gradients)
    losses, gradients = step(batch_of(16, [0, 2]))
    monkeypatch.setattr(RepetitionGroup, "_products", matrix_products)
    other_losses, others = tf.function(ours.losses_and_gradients)(batch_of(16, [0, 2]))
    for name, value in losses.items():
        np.testing.assert_allclose(other_losses[name], value, rtol=1e-5)
    for mine, other in zip(gradients, others):
        np.testing.assert_allclose(tf.convert_to_tensor(mine), tf.convert_to_tensor(other), rtol=1e-3, atol=1e-7)


def test_pgd_with_one_step_is_fgsm_bit_for_bit():
    ours, theirs = (
        group([0, 1], **changes).losses_and_gradients(batch_of(16, [0, 1]))
        for changes in ({"adversarial": "pgd", "adversarial_steps": 1}, {"adversarial": "fgsm"})
    )
    for mine, other in zip(tf.nest.flatten(ours, True), tf.nest.flatten(theirs, True)):
        np.testing.assert_array_equal(mine, other)


def test_epsilon_and_weight_of_bounds_rise_from_zero_over_their_share_of_the_steps():
    model = compiled(group([0], adversarial="ibp", ibp_ramp=0.5, adversarial_weight=2.0))
    model.steps, shares, batch = 8, [], batch_of(16, [0])
    for step in range(8):
        model.optimizer.iterations.assign(step)
        shares.append(float(model.ramp()))
        assert model.ramped() == {"epsilon": 0.1 * shares[-1], "adversarial_weight": 2 * shares[-1]}
        losses, gradients = model.losses_and_gradients(batch)
        full = compiled(
            group(
                [0], adversarial="ibp", ibp_ramp=0.0, epsilon=0.1 * shares[-1], adversarial_weight=2 * shares[-1] or 1
            )
        )
        same, expected = full.losses_and_gradients(batch)
        np.testing.assert_allclose(losses["adversarial_loss"], same["adversarial_loss"], rtol=1e-5)
        if step:
            np.testing.assert_allclose(gradients[2], expected[2], rtol=1e-4, atol=1e-8)
    assert shares == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    other = group([0], adversarial="pgd")
    assert other.ramp() == 1 and not other.ramped()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_gradient_of_w1_is_of_the_touched_rows_each_once(weight):
    _, gradients = group([0, 1], adversarial_weight=weight).losses_and_gradients(batch_of(16, [0, 1]))
    assert isinstance(gradients[0], tf.IndexedSlices)
    touched = gradients[0].indices.numpy()
    assert sorted(touched) == sorted(set(ragged_points(16)["feature_ids"].values.numpy()))


def test_without_adversarial_weight_the_graph_holds_no_adversarial_pass():
    def operations(weight):
        step = tf.function(group([0], adversarial_weight=weight).losses_and_gradients)
        names = [op.type for op in step.get_concrete_function(batch_of(16, [0])).graph.get_operations()]
        return names.count("SparseMatrixMatMul"), names.count("Sign")

    assert operations(0.0) == (2, 0)
    assert operations(1.0)[1] == 1


def train(repetitions, strategy=None, **changes):
    """Returns weights and history after batches of 16, 16, 1 and 3 points."""
    strategy = strategy or tf.distribute.get_strategy()
    batches = [tf.data.Dataset.from_tensors(ragged_points(n, seed=i)) for i, n in enumerate([16, 16, 1, 3])]
    whole = functools.reduce(tf.data.Dataset.concatenate, batches)
    whole = held_out.marked(whole, changes.get("calibration_fraction", 0.0), 0)

    def data(context):
        return replica_batches(whole, TABLE[repetitions], context.num_replicas_in_sync)

    with strategy.scope():
        model = group(repetitions, **changes)
        model.compile(optimizer=factory.create(model.config, BUCKETS, len(batches), strategy.num_replicas_in_sync))
    history = model.fit(strategy.distribute_datasets_from_function(data), steps_per_epoch=len(batches), verbose=0)
    weights = [[w.numpy() for w in model.weights_of(i)] for i in range(len(repetitions))]
    return weights, history.history


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["adversarial"])
def test_each_method_trains_the_same_alone_in_a_group_and_on_two_devices(method):
    method = {**method, "dropout": 0.4, "adversarial_weight": 1.0}
    together, history = train([1, 3], **method)
    again, _ = train([1, 3], **method)
    two, two_history = train([1, 3], strategy=strategies.create("mirrored"), **method)
    for position, repetition in enumerate([1, 3]):
        (alone,), _ = train([repetition], **method)
        for ours, same, theirs, halves in zip(together[position], again[position], alone, two[position]):
            np.testing.assert_array_equal(ours, same)
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(ours, halves, rtol=1e-3, atol=1e-4)
    for name in history:
        np.testing.assert_allclose(history[name], two_history[name], rtol=1e-3)


@pytest.mark.parametrize("support", ["nonzero", "dense"])
@pytest.mark.parametrize(("dropout", "optimizer"), [(0.0, "laprop"), (0.4, "laprop"), (0.4, "rowwise")])
def test_a_group_gives_each_repetition_what_training_it_alone_gives(support, dropout, optimizer):
    settings = {"fgsm_support": support, "dropout": dropout, "optimizer": optimizer, "adversarial_weight": 1.0}
    together, _ = train([1, 3], **settings)
    for position, repetition in enumerate([1, 3]):
        alone, _ = train([repetition], **settings)
        for a, b in zip(together[position], alone[0]):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    runs = [train([0, 1], dropout=0.4, adversarial_weight=1.0, seed=seed)[0] for seed in (7, 7, 8)]
    for first, second, other in zip(*(r[0] for r in runs)):
        np.testing.assert_array_equal(first, second)
        assert (first != other).any()


def test_mixed_precision_trains_close_to_float32():
    """bfloat16 keeps 8 bits: losses agree to 1%, but not bit for bit."""
    (exact, history), (rounded, mixed_history) = (train([0, 2], mixed_precision=mixed) for mixed in (False, True))
    for name in ("clean_loss", "adversarial_loss"):
        np.testing.assert_allclose(mixed_history[name], history[name], rtol=0.02)
        assert not np.array_equal(mixed_history[name], history[name])
    # An optimizer's early steps are signs of gradients nearly: a few of the smallest turn.
    for ours, theirs in zip(exact, rounded):
        for a, b in zip(ours, theirs):
            assert b.dtype == np.float32
            assert np.mean(np.abs(a - b) < 0.02) > 0.9


@pytest.mark.parametrize("support", ["nonzero", "dense"])
@pytest.mark.parametrize(
    ("weight", "optimizer", "fraction"),
    [
        (0.0, "laprop", 0),
        (1.0, "laprop", 0),
        (1.0, "rowwise", 0),
        (1.0, "lazy_adam", 0),
        (0.0, "laprop", 0.5),
        (1.0, "rowwise", 0.5),
    ],
)
def test_two_replicas_give_what_one_gives(support, weight, optimizer, fraction):
    """Batches of 16, 1 and 3 points: whole, one that leaves a replica empty, an uneven one."""
    settings = {"fgsm_support": support, "adversarial_weight": weight, "dropout": 0.4, "optimizer": optimizer}
    settings["calibration_fraction"] = fraction
    two = strategies.create("mirrored")
    assert two.num_replicas_in_sync == 2
    (one_weights, one_history), (two_weights, two_history) = (
        train([0, 2], **settings),
        train([0, 2], strategy=two, **settings),
    )
    for ours, theirs in zip(one_weights, two_weights):
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    for name in one_history:
        np.testing.assert_allclose(one_history[name], two_history[name], rtol=1e-3)
