"""Whether computations run on a GPU, which wants few large operations where a CPU wants parts that fit in its cache."""

from __future__ import annotations

import tensorflow as tf


def on_gpu(variable: tf.Variable) -> bool:
    """Returns whether a variable, or each copy of a replicated one, is in the memory of a GPU."""
    return "GPU" in variable.device


def default_is_gpu() -> bool:
    """Returns whether operations that name no device run on a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))
