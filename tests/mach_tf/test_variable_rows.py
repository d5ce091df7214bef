from __future__ import annotations

import numpy as np
import psutil
import pytest
import tensorflow as tf

from mach_tf.training import strategies
from mach_tf.variable_rows import blocks, copies, gather_rows, primary, release, update_rows


@pytest.mark.parametrize("rows", [[], [2], [4, 0, 3]])
@pytest.mark.parametrize("columns", [(3,), (2, 2)])
def test_rows_are_read_and_written_and_no_others(rows, columns):
    before = np.random.default_rng(0).normal(size=(5, *columns)).astype(np.float32)
    variable, ids = tf.Variable(before), tf.constant(rows, tf.int64)
    read = gather_rows(variable, ids)
    np.testing.assert_array_equal(read, before[rows])
    update_rows(variable, ids, -read)
    expected = before.copy()
    expected[rows] *= -1
    np.testing.assert_array_equal(variable, expected)
    update_rows(variable, ids, read)
    np.testing.assert_array_equal(variable, before)


@pytest.mark.parametrize("shape", [(), (7,), (7, 3), (7, 40), (0, 3)])
def test_blocks_are_all_rows_in_their_order(monkeypatch, shape):
    monkeypatch.setattr("mach_tf.variable_rows._BLOCK_FLOATS", 10)
    found = blocks(tf.Variable(tf.zeros(shape)))
    rows = [row for begin, end in found for row in range(begin, end)]
    assert rows == list(range(shape[0] if shape else 1))
    assert all(end - begin == 1 or (end - begin) * int(np.prod(shape[1:])) <= 10 for begin, end in found)


def test_reading_rows_of_a_mirrored_variable_does_not_read_the_variable():
    with strategies.create("mirrored").scope():
        variable = tf.Variable(tf.ones([5, 3]))
    strategy = strategies.create("one_device")
    graph = tf.function(lambda: strategy.run(lambda: gather_rows(variable, [1, 2]))).get_concrete_function().graph
    assert "ReadVariableOp" not in [operation.type for operation in graph.get_operations()]


def test_a_replicated_variable_is_read_outside_its_replicas():
    with strategies.create("mirrored").scope():
        variable = tf.Variable([[1.0], [2.0]])
    np.testing.assert_array_equal(gather_rows(primary(variable), [1]), [[2.0]])
    plain = tf.Variable([1.0])
    assert primary(plain) is plain


@pytest.mark.parametrize("name", ["one_device", "mirrored"])
def test_a_released_variable_makes_room_though_a_function_holds_it(name):
    strategy, megabytes = strategies.create(name), 64
    with strategy.scope():
        variable = tf.Variable(tf.ones([megabytes << 18]))

    @tf.function
    def last():
        return copies(variable)[0][-1]

    last()
    assert len(copies(variable)) == strategy.num_replicas_in_sync
    before = psutil.Process().memory_info().rss
    release(variable)
    other = tf.ones([megabytes << 18])
    assert psutil.Process().memory_info().rss - before < megabytes / 2 * (1 << 20)
    assert {copy.read_value().shape for copy in copies(variable)} == {(0,)} and other[-1] == 1
