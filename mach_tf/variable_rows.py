"""Reads and writes some rows of a large variable without touching the others, and releases its memory."""

from __future__ import annotations

import tensorflow as tf

# Floats of a block. TensorFlow's own checkpoints copy all variables that a sparse update touched at once, which takes 2.5 GB
# more at the reference setting.
_BLOCK_FLOATS = 1 << 22


def primary(variable: tf.Variable) -> tf.Variable:
    """Returns the copy of a replicated variable to read outside its replicas; any other variable is returned itself."""
    return copies(variable)[0]


def copies(variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """Returns the copies of a replicated variable in this process; of any other variable, the variable alone."""
    return tuple(variable.values) if isinstance(variable, tf.distribute.DistributedValues) else (variable,)


def release(variable: tf.Variable) -> None:
    """Releases the memory of a variable, which must not be used afterwards.

    Traced functions, Keras and the optimizer hold references to variables, so dropping one reference frees nothing.
    """
    for copy in copies(variable):
        empty = tf.zeros([0], copy.dtype)
        tf.raw_ops.AssignVariableOp(resource=copy.handle, value=empty, validate_shape=False)


def blocks(variable: tf.Variable) -> list[tuple[int, int]]:
    """Returns the first row and the row after the last of each block, for a variable of which a copy may not fit in memory.

    A scalar is one row.
    """
    if not variable.shape.rank:
        return [(0, 1)]
    rows, total = max(1, _BLOCK_FLOATS // max(1, variable.shape[1:].num_elements())), variable.shape[0]
    return [(begin, min(begin + rows, total)) for begin in range(0, total, rows)]


def gather_rows(variable: tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """Gathers the rows `rows`, integers [n], of a variable: [n, ...].

    tf.gather on a variable of MirroredStrategy first copies all of it: 820 MB per step at the reference setting.
    """
    return tf.ensure_shape(
        tf.raw_ops.ResourceGather(resource=variable.handle, indices=rows, dtype=variable.dtype),
        [None, *variable.shape[1:]],
    )


def update_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> tf.Operation:
    """Sets the rows `rows`, which are unique, to `values`."""
    return tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=rows, updates=values)
