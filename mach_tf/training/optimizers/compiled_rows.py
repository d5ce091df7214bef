"""LaProp's update of some rows of a variable, compiled by XLA: on a GPU, in a third of the passes that lending the rows takes.

The compiled function gathers the rows of the squares, the momentum and the weights, and writes each back where it lies. XLA compiles
for one number of rows, and takes half a second to do so; `filled` leaves only a few numbers.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping

import tensorflow as tf

from mach_tf import devices
from mach_tf.training_config import TrainingConfig
from mach_tf.variable_rows import gather_rows, update_rows

# A number of rows is rounded up to this part of the power of two below it.
_PARTS = 16


def chosen(config: TrainingConfig, replicas: int) -> bool:
    """Returns whether training updates W1 so: by LaProp, on one GPU for which XLA can compile.

    Several replicas join their rows, to any number.

    Args:
      config: the training settings.
      replicas: the number of replicas.
    """
    applies = config.optimizer == "laprop" and not config.updates_all_rows and replicas == 1
    return applies and devices.default_is_gpu() and _compiles()


@functools.cache
def _compiles() -> bool:
    """Returns whether XLA can compile here; on a GPU it needs libdevice and an assembler, which come with CUDA's compiler."""
    try:
        tf.function(tf.sqrt, jit_compile=True)(tf.ones([1]))
    except tf.errors.OpError as error:
        warnings.warn(
            f"XLA cannot compile for this GPU ({error.message}), so that training takes up to twice as long. CUDA's compiler has "
            "what it needs: pip install 'mach-tf[cuda]'.",
            stacklevel=2,
        )
        return False
    return True


def filled(rows: tf.Tensor, counts: tf.Tensor, columns: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Fills the rows of a batch up to one of a few numbers: 16 between a power of two and the next.

    Args:
      rows: int64 [unique], row numbers below `columns`.
      counts: int32 [unique], the entries of each row.
      columns: D. It stands for no row: a GPU reads zeros there, and writes nothing.

    Returns:
      Both, longer by at most a sixteenth; what is added has no entries.
    """
    count = tf.size(rows)
    power = tf.floor(tf.math.log(tf.cast(tf.maximum(count, 1), tf.float64)) / tf.math.log(tf.constant(2.0, tf.float64)))
    part = tf.maximum(1, tf.cast(2.0**power, tf.int32) // _PARTS)
    missing = [[0, -(-count // part) * part - count]]
    return tf.pad(rows, missing, constant_values=columns), tf.pad(counts, missing)


def update(
    weights: tf.Variable,
    squares: tf.Variable,
    momentum: tf.Variable,
    rows: tf.Tensor,
    gradient: tf.Tensor,
    settings: Mapping[str, tf.Tensor],
) -> tf.Operation:
    """Updates rows of the weights and of their moments; see laprop.LazyLaProp for the rule.

    Args:
      weights: float32 [D, ...].
      squares: of the same shape, as is `momentum`.
      momentum: see there.
      rows: integers [n], each once or equal to D.
      gradient: float32 [n, ...].
      settings: scalars: the rate `lr`, the decays `rho` of the squares and `momentum` of the momentum, and `epsilon`, all as
        TensorFlow's RMSProp takes them.
    """

    @tf.function(jit_compile=True, autograph=False)
    def compiled(rows: tf.Tensor, gradient: tf.Tensor, settings: Mapping[str, tf.Tensor]) -> tf.Tensor:
        before = gather_rows(squares, rows)
        mean_square = before + (tf.square(gradient) - before) * (1 - settings["rho"])
        normalised = gradient / tf.sqrt(mean_square + settings["epsilon"])
        step = gather_rows(momentum, rows) * settings["momentum"] + settings["lr"] * normalised
        update_rows(weights, rows, gather_rows(weights, rows) - step)
        update_rows(momentum, rows, step)
        update_rows(squares, rows, mean_square)
        return tf.size(rows)

    return compiled(rows, gradient, dict(settings)).op
