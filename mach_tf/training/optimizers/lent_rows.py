"""Applies TensorFlow's fused update of a whole variable to some of its rows.

An optimizer's kernel for dense gradients takes variables. The rows that have a gradient, and those of its slots, are lent to
unnamed variables, updated there in one pass, and given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Optional

import tensorflow as tf

from mach_tf import devices
from mach_tf.variable_rows import gather_rows, update_rows

# Floats of a chunk of rows on a CPU: its rows, slots and gradient should fit in the cache.
CACHED_FLOATS = 1 << 18
# ResourceHandle::ANONYMOUS_NAME of TensorFlow: every handle of that name is a separate variable.
_NO_NAME = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"

# From the handles of the lent rows by name and their gradient to the operation that updates them.
Kernel = Callable[[Mapping[str, tf.Tensor], tf.Tensor], tf.Operation]


def chunk_rows(variable: tf.Variable) -> Optional[int]:
    """Returns how many rows to update at a time: as many as fit in a CPU's cache; None, for all, on a GPU."""
    if devices.on_gpu(variable):
        return None
    return max(1, CACHED_FLOATS // max(1, variable.shape[1:].num_elements()))


def update(
    kernel: Kernel, whole: Mapping[str, tf.Variable], rows: tf.Tensor, gradient: tf.Tensor, chunk: Optional[int]
) -> tf.Operation:
    """Updates rows of variables.

    Args:
      kernel: the fused update.
      whole: the float32 variable and its slots by name, of one shape.
      rows: integers [n], each once.
      gradient: float32 [n, ...].
      chunk: the number of rows to update at a time; None for all.
    """
    lent = _unnamed_variables(whole)
    if chunk is None:
        with tf.control_dependencies([_update_once(kernel, whole, lent, rows, gradient)]):
            return _destroy(lent)
    touched = tf.size(rows)

    def update_chunk(begin: tf.Tensor) -> tuple[tf.Tensor]:
        some = slice(begin, begin + chunk)
        with tf.control_dependencies([_update_once(kernel, whole, lent, rows[some], gradient[some])]):
            return (begin + chunk,)

    loop = tf.while_loop(lambda begin: begin < touched, update_chunk, (tf.constant(0),), parallel_iterations=1)
    with tf.control_dependencies(loop):
        return _destroy(lent)


def _update_once(
    kernel: Kernel,
    whole: Mapping[str, tf.Variable],
    lent: Mapping[str, tf.Tensor],
    rows: tf.Tensor,
    gradient: tf.Tensor,
) -> tf.Operation:
    # Assigning a value that nothing else uses does not copy it.
    taken = [tf.raw_ops.AssignVariableOp(resource=lent[name], value=gather_rows(whole[name], rows)) for name in whole]
    with tf.control_dependencies(taken):
        applied = kernel(lent, gradient)
    with tf.control_dependencies([applied]):
        after = {name: tf.raw_ops.ReadVariableOp(resource=lent[name], dtype=tf.float32) for name in whole}
    return tf.group(*(update_rows(whole[name], rows, after[name]) for name in whole))


def _unnamed_variables(whole: Mapping[str, tf.Variable]) -> dict[str, tf.Tensor]:
    """Returns the handles of new float32 variables of any shape; in a graph, new ones at each run."""
    return {
        name: tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=tf.TensorShape(None), shared_name=_NO_NAME)
        for name in whole
    }


def _destroy(lent: Mapping[str, tf.Tensor]) -> tf.Operation:
    return tf.group(*(tf.raw_ops.DestroyResourceOp(resource=handle) for handle in lent.values()))
