"""Some rows of a large variable, read and written without touching the others; and an end to all of them."""

from __future__ import annotations

import tensorflow as tf


def primary(variable: tf.Variable) -> tf.Variable:
    """The copy of a replicated variable to read outside its replicas; another variable is its own."""
    return copies(variable)[0]


def copies(variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """The copies of a replicated variable in this process; another variable is its own only one."""
    return tuple(variable.values) if isinstance(variable, tf.distribute.DistributedValues) else (variable,)


def release(variable: tf.Variable) -> None:
    """Gives back a variable's memory for good; it must not be used after.

    Traced functions, Keras and the optimizer all hold on to variables, so dropping a reference frees nothing.
    """
    for copy in copies(variable):
        empty = tf.zeros([0], copy.dtype)
        tf.raw_ops.AssignVariableOp(resource=copy.handle, value=empty, validate_shape=False)


def gather_rows(variable: tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """The rows `rows` (integers [n]) of a variable, [n, ...].

    tf.gather on a variable of MirroredStrategy first copies all of it: 820 MB a step at the reference setting.
    """
    return tf.ensure_shape(
        tf.raw_ops.ResourceGather(resource=variable.handle, indices=rows, dtype=variable.dtype),
        [None, *variable.shape[1:]],
    )


def update_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> tf.Operation:
    """Sets the rows `rows`, unique, to `values`."""
    return tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=rows, updates=values)


def subtract_from_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> tf.Operation:
    """Takes `values` off the rows `rows`."""
    return tf.raw_ops.ResourceScatterSub(resource=variable.handle, indices=rows, updates=values)
