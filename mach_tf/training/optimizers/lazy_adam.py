"""LazyAdam with few passes over memory, for gradients whose row indices are already unique."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from mach_tf.training.optimizers import lent_rows
from mach_tf.training.optimizers.unique_rows import UniqueRows


def _adam() -> Any:
    """Returns tensorflow-addons' LazyAdam where it is installed, which it cannot be beside recent TensorFlow; else Keras' Adam."""
    if importlib.util.find_spec("tensorflow_addons"):
        import tensorflow_addons as tfa

        return tfa.optimizers.LazyAdam
    return tf.keras.optimizers.legacy.Adam


class LazyRows(UniqueRows):
    """Adam's update of the rows that have a gradient; the other rows and their moments stay.

    For Keras' legacy Adam and what derives from it: name it as the first base. It computes what tensorflow-addons' LazyAdam does,
    row block by row block: LazyAdam itself makes about ten passes over all touched rows, each through main memory.
    """

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        step = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = self._get_hyper("beta_1", tf.float32), self._get_hyper("beta_2", tf.float32)
        settings = {
            "beta1_power": beta_1**step,
            "beta2_power": beta_2**step,
            "lr": self._decayed_lr(tf.float32),
            "beta1": beta_1,
            "beta2": beta_2,
            "epsilon": tf.constant(self.epsilon, tf.float32),
        }
        whole = {"var": var, "m": self.get_slot(var, "m"), "v": self.get_slot(var, "v")}

        def kernel(lent: Mapping[str, tf.Tensor], gradient: tf.Tensor) -> tf.Operation:
            return tf.raw_ops.ResourceApplyAdam(**lent, **settings, grad=gradient)

        return lent_rows.update(kernel, whole, indices, grad, lent_rows.chunk_rows(var))


class ChunkedLazyAdam(LazyRows, _adam()):  # type: ignore[misc]
    """LazyAdam with few passes over memory."""
