from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mach_tf.training.optimizers import laprop, lent_rows
from mach_tf.training.optimizers.laprop import LazyLaProp
from mach_tf.variable_rows import gather_rows
from tests.helpers.row_gradients import ROWS, initial, slices, train


def by_hand(gradients, rates, beta_1=0.9, beta_2=0.99, epsilon=1e-7):
    """The docstring's formula in float64."""
    shape = tuple(gradients[0].shape)
    weights = initial(shape[1:]).astype(np.float64)
    squares, momentum = np.zeros(shape), np.zeros(shape)
    for step, (gradient, rate) in enumerate(zip(gradients, rates), start=1):
        summed = np.zeros(shape)
        np.add.at(summed, gradient.indices.numpy(), gradient.values.numpy())
        rows = np.unique(gradient.indices)
        squares[rows] = beta_2 * squares[rows] + (1 - beta_2) * summed[rows] ** 2
        normalised = summed[rows] * np.sqrt(1 - beta_2**step) / np.sqrt(squares[rows] + epsilon**2)
        momentum[rows] = beta_1 * momentum[rows] + rate * (1 - beta_1) * normalised
        weights[rows] -= momentum[rows]
    return [weights, squares, momentum]


def assert_same(found, expected):
    for name, ours, theirs in zip(("weights", "squares", "momentum"), found, expected):
        # A momentum whose terms nearly cancel keeps their rounding, so what counts is how large others are; squares only add up.
        atol = {"weights": 1e-6, "squares": 1e-30, "momentum": 3e-7 * np.abs(theirs).max()}[name]
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=atol)


def test_the_rate_by_hand():
    rate = laprop.momentum_rate(0.5, 2.0, 0.9, 0.99)
    np.testing.assert_allclose(rate, 0.5 * 0.1 * np.sqrt(1 - 0.99**2), rtol=1e-6)


@pytest.fixture(params=["kernel for rows", "lent rows", "lent rows at once", "compiled"])
def either_way(request, monkeypatch):
    if request.param == "compiled":
        monkeypatch.setattr(LazyLaProp, "_resource_apply_sparse", LazyLaProp._apply_compiled)
    elif request.param != "kernel for rows":
        monkeypatch.setattr(LazyLaProp, "_resource_apply_sparse", LazyLaProp._apply_to_lent_rows)
    else:
        monkeypatch.setattr(laprop, "_SLOW_KERNEL", False)
    if request.param == "lent rows at once":
        monkeypatch.setattr(lent_rows, "chunk_rows", lambda variable: None)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("columns", [(3,), (2, 4)])
@pytest.mark.parametrize("count", [0, 1, 7, 20])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_rows_are_updated_by_the_formula(count, columns, size):
    gradients = [slices(count, seed, columns, size=size) for seed in range(5)]
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 5, 0.0)
    found = train(LazyLaProp(rate, epsilon=1e-12), gradients)
    assert_same(found, by_hand(gradients, [0.1, 0.08, 0.06, 0.04, 0.02], epsilon=1e-12))


@pytest.mark.usefixtures("either_way")
def test_other_constants():
    gradients = [slices(7, seed) for seed in range(5)]
    found = train(LazyLaProp(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.1), gradients)
    assert_same(found, by_hand(gradients, [0.1] * 5, 0.5, 0.9, 0.1))


@pytest.mark.usefixtures("either_way")
def test_a_gradient_of_zero_changes_nothing_at_the_least_epsilon():
    gradients = [slices(7, seed, size=0.0) for seed in range(3)]
    weights, squares, momentum = train(LazyLaProp(0.1, epsilon=1e-18), gradients)
    np.testing.assert_array_equal(weights, initial())
    assert not squares.any() and not momentum.any()


def test_a_dense_gradient_is_one_of_all_rows():
    whole = [slices(ROWS, seed) for seed in range(4)]
    dense = [tf.convert_to_tensor(gradient) for gradient in whole]
    assert_same(train(LazyLaProp(0.1), dense), train(LazyLaProp(0.1), whole))


@pytest.mark.usefixtures("either_way")
def test_rows_without_a_gradient_stay_as_they_are():
    before, gradient = initial(), slices(5, 0)
    after, squares, momentum = train(LazyLaProp(0.1), [gradient])
    untouched = np.setdiff1d(np.arange(ROWS), gradient.indices)
    np.testing.assert_array_equal(after[untouched], before[untouched])
    assert (after[gradient.indices.numpy()] != before[gradient.indices.numpy()]).all()
    assert not squares[untouched].any() and not momentum[untouched].any()


def test_duplicate_rows_are_summed_when_said_so():
    gradients = [slices(30, seed, unique=False) for seed in range(3)]
    assert_same(train(LazyLaProp(0.1, unique_rows=False), gradients), by_hand(gradients, [0.1] * 3))


@pytest.mark.parametrize(
    ("device", "slow", "rows", "loop"),
    [("CPU:0", False, True, False), ("CPU:0", True, False, True), ("GPU:0", False, False, False)],
)
def test_the_kernel_for_rows_runs_where_there_is_a_fast_one(device, slow, rows, loop, monkeypatch):
    """A device that is not here is a name alone: what would run there is traced."""
    monkeypatch.setattr(laprop, "_SLOW_KERNEL", slow)
    variable = tf.Variable(tf.zeros((ROWS, 3)))
    optimizer = LazyLaProp(0.1)
    optimizer._create_all_weights([variable])
    monkeypatch.setattr(
        type(variable), "device", property(lambda _: f"/job:localhost/replica:0/task:0/device:{device}")
    )

    @tf.function
    def apply():
        optimizer.apply_gradients([(slices(5, 0), variable)])

    operations = {operation.type for operation in apply.get_concrete_function().graph.get_operations()}
    assert ("ResourceSparseApplyRMSProp" in operations) == rows
    # A GPU updates all rows at once: it would wait at each round of a loop.
    assert bool({"While", "StatelessWhile"} & operations) == loop


def large_training(hold):
    """Weights and moments after three steps, of rows so many that the parts of an update meet.

    Args:
      hold: whether something reads weights and moments before the first step, which then moves them to other buffers.
    """
    shape, rng = (6000, 256), np.random.default_rng(0)
    variable, optimizer = tf.Variable(tf.random.stateless_normal(shape, [1, 2])), LazyLaProp(0.1)
    optimizer._create_all_weights([variable])
    variables = [variable, *(optimizer.get_slot(variable, name) for name in optimizer.get_slot_names())]
    held = [each.read_value() for each in variables] if hold else []
    copies = [each.numpy().copy() for each in held]

    @tf.function
    def apply(values, indices):
        optimizer.apply_gradients([(tf.IndexedSlices(values, indices, tf.constant(shape, tf.int64)), variable)])

    for _ in range(3):
        values = tf.constant(rng.normal(size=(4000, shape[1])), tf.float32)
        apply(values, tf.constant(rng.permutation(shape[0])[:4000], tf.int64))
    for before, copy in zip(held, copies):
        np.testing.assert_array_equal(before, copy)
    return [each.numpy() for each in variables]


@pytest.mark.parametrize("hold", [False, True])
def test_no_part_of_an_update_is_lost(hold, monkeypatch):
    monkeypatch.setattr(laprop, "_PARTS", 1)
    expected = large_training(hold)
    monkeypatch.setattr(laprop, "_PARTS", 8)
    for _ in range(5):
        for ours, theirs in zip(large_training(hold), expected):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("parts", [1, 3, 30])
def test_the_number_of_parts_changes_no_bit(parts, monkeypatch):
    gradients = [slices(7, seed) for seed in range(5)]
    expected = train(LazyLaProp(0.1), gradients)
    monkeypatch.setattr(laprop, "_PARTS", parts)
    for ours, theirs in zip(train(LazyLaProp(0.1), gradients), expected):
        np.testing.assert_array_equal(ours, theirs)


def test_an_update_outside_a_graph_is_the_same():
    gradients = [slices(7, seed) for seed in range(5)]
    expected = train(LazyLaProp(0.1), gradients)
    variable, optimizer = tf.Variable(initial()), LazyLaProp(0.1)
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, variable)])
    assert_same([variable, *(optimizer.get_slot(variable, name) for name in optimizer.get_slot_names())], expected)


def test_the_parts_of_an_update_do_not_wait_for_each_other(monkeypatch):
    monkeypatch.setattr(laprop, "_PARTS", 4)
    monkeypatch.setattr(laprop, "_SLOW_KERNEL", False)
    variable, optimizer = tf.Variable(tf.zeros((ROWS, 3))), LazyLaProp(0.1)
    optimizer._create_all_weights([variable])

    @tf.function
    def apply():
        optimizer.apply_gradients([(slices(5, 0), variable)])

    operations = apply.get_concrete_function().graph.get_operations()
    updates = [each for each in operations if each.type == "ResourceSparseApplyRMSProp"]
    first, *parts, last = updates
    waits_for = {each.name: {other.name for other in updates} & _before(each) for each in updates}
    names = {each.name for each in parts}
    assert len(parts) == 4
    assert waits_for == {first.name: set(), **{name: {first.name} for name in names}, last.name: {first.name} | names}
    assert not any(each.get_attr("use_locking") for each in parts)


def _before(operation):
    """Names of all that an operation of a graph waits for."""
    names, waiting = set(), [operation]
    while waiting:
        each = waiting.pop()
        before = [*each.control_inputs, *(tensor.op for tensor in each.inputs)]
        waiting += [other for other in before if other.name not in names]
        names |= {other.name for other in before}
    return names


def test_an_update_keeps_its_place_among_reads_of_the_variable():
    """Rows so large that the reads would meet the update, were they not ordered."""
    shape = (4000, 256)
    variable, optimizer = tf.Variable(tf.zeros(shape)), LazyLaProp(0.1)
    optimizer._create_all_weights([variable])
    rows = tf.range(shape[0], dtype=tf.int64)
    gradient = tf.IndexedSlices(tf.ones(shape), rows, tf.constant(shape, tf.int64))

    @tf.function
    def apply():
        before = tf.reduce_sum(gather_rows(variable, rows))
        optimizer.apply_gradients([(gradient, variable)])
        return before, tf.reduce_sum(gather_rows(variable, rows))

    after = 0.0
    for _ in range(20):
        last = after
        before, after = (float(value) for value in apply())
        assert before == last
        assert after < before


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"beta_1": 0.0}, "beta_1 must be above 0 and below 1 (got 0.0)."),
        ({"beta_1": 1.0}, "beta_1 must be above 0 and below 1 (got 1.0)."),
        ({"epsilon": 1e-20}, "epsilon must be at least 1e-18, or its square is no float32 (got 1e-20)."),
    ],
)
def test_constants_that_would_make_it_something_else_are_refused(constants, message):
    with pytest.raises(ValueError) as raised:
        LazyLaProp(0.1, **constants)
    assert str(raised.value) == message


def test_it_is_made_again_from_its_configuration():
    optimizer = LazyLaProp(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3, unique_rows=False)
    again = LazyLaProp.from_config(optimizer.get_config())
    gradients = [slices(30, seed, unique=False) for seed in range(3)]
    assert_same(train(again, gradients), train(optimizer, gradients))
