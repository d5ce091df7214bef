from __future__ import annotations

import tensorflow as tf

from mach_tf.text.text_functions import on_cpu, text_function
from tests.helpers.text_world import SPECS, text_world


def test_every_operation_names_the_cpu_also_in_branches():
    world = text_world(SPECS[-1])
    vectorizer = world.vectorizer
    for function in (world.tokenizer._terms, vectorizer._features, vectorizer.located):
        graph = function.get_concrete_function().graph.as_graph_def()
        nodes = [*graph.node, *(node for branch in graph.library.function for node in branch.node_def)]
        elsewhere = {node.op for node in nodes if not node.device.endswith("CPU:0")}
        assert len(graph.library.function) > 3
        # The arguments of functions, and what they return, have no place of their own.
        assert elsewhere <= {"Placeholder", "Identity", "NoOp"}


def test_a_function_is_traced_once_for_any_number_of_texts():
    traced = []
    other = tf.TensorSpec([], tf.int32)
    function = text_function(lambda texts, more: traced.append(1) or tf.shape(texts) + more, 2, other)
    assert [list(function(tf.fill([n, 2], ""), n)) for n in (0, 3)] == [[0, 2], [6, 5]]
    assert len(traced) == 1


def test_many_functions_are_no_reason_to_warn(caplog):
    # TensorFlow warns when functions of one code are traced five times in a row, as those of five vocabularies would be.
    for _ in range(8):
        text_function(tf.shape, 1)(tf.fill([1, 1], ""))
    assert "retracing" not in caplog.text


def test_operations_of_the_context_run_on_the_cpu():
    with on_cpu():
        assert tf.constant([1]).device.endswith("CPU:0")
