"""LazyAdam with few passes over memory, for gradients whose row indices are already unique."""

from __future__ import annotations

import importlib.util
from typing import Any

import tensorflow as tf

from mach_tf.training.optimizers.unique_rows import UniqueRows
from mach_tf.variable_rows import gather_rows, update_rows

# Floats of a chunk of rows: its rows, moments and gradient should fit in the cache.
_CHUNK_FLOATS = 1 << 18
# ResourceHandle::ANONYMOUS_NAME of TensorFlow: every handle of that name is a separate variable.
_NO_NAME = "cd2c89b7-88b7-44c8-ad83-06c2a9158347"


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
        chunk = max(1, _CHUNK_FLOATS // max(1, var.shape[1:].num_elements()))
        touched = tf.size(indices)
        # The fused kernel of dense Adam takes variables: the rows of a chunk are lent to three unnamed ones, without a copy.
        lent = {name: _unnamed_variable() for name in whole}

        def update(begin: tf.Tensor) -> tuple[tf.Tensor]:
            rows, gradient = indices[begin : begin + chunk], grad[begin : begin + chunk]
            taken = [
                tf.raw_ops.AssignVariableOp(resource=lent[name], value=gather_rows(whole[name], rows)) for name in whole
            ]
            with tf.control_dependencies(taken):
                applied = tf.raw_ops.ResourceApplyAdam(**lent, **settings, grad=gradient)
            with tf.control_dependencies([applied]):
                after = {name: tf.raw_ops.ReadVariableOp(resource=lent[name], dtype=tf.float32) for name in whole}
            given_back = [update_rows(whole[name], rows, after[name]) for name in whole]
            with tf.control_dependencies(given_back):
                return (begin + chunk,)

        loop = tf.while_loop(lambda begin: begin < touched, update, (tf.constant(0),), parallel_iterations=1)
        with tf.control_dependencies(loop):
            return tf.group(*(tf.raw_ops.DestroyResourceOp(resource=handle) for handle in lent.values()))


class ChunkedLazyAdam(LazyRows, _adam()):  # type: ignore[misc]
    """LazyAdam with few passes over memory."""


def _unnamed_variable() -> tf.Tensor:
    """Returns the handle of a new float32 variable of any shape; in a graph, a new one at each run."""
    return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=tf.TensorShape(None), shared_name=_NO_NAME)
