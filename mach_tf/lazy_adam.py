"""LazyAdam with few passes over memory, for gradients whose row indices are already unique."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_addons as tfa

from mach_tf.rows import gather_rows, subtract_from_rows, update_rows

# Floats of a chunk of rows: gradient, moments and temporaries of a chunk should stay in the cache.
_CHUNK_FLOATS = 1 << 20


class ChunkedLazyAdam(tfa.optimizers.LazyAdam):
    """tensorflow-addons' LazyAdam, row block by row block.

    The update is the same: only the rows that have a gradient, and their moments, change. The parent makes some ten passes
    over all touched rows, each through main memory.
    """

    def __init__(self, learning_rate, unique_rows: bool = True, **kwargs):
        """As the parent's.

        Args:
          learning_rate: number or schedule.
          unique_rows: whether each gradient's row indices are unique; several replicas' concatenated ones are not.
          **kwargs: of the parent.
        """
        super().__init__(learning_rate, **kwargs)
        self._unique_rows = unique_rows

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices, **kwargs):
        if self._unique_rows:
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)
        return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        step = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = self._get_hyper("beta_1", tf.float32), self._get_hyper("beta_2", tf.float32)
        rate = self._decayed_lr(tf.float32) * tf.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        first, second = self.get_slot(var, "m"), self.get_slot(var, "v")
        chunk = max(1, _CHUNK_FLOATS // max(1, var.shape[1:].num_elements()))
        touched = tf.size(indices)

        def update(begin: tf.Tensor) -> tuple[tf.Tensor]:
            rows, gradient = indices[begin : begin + chunk], grad[begin : begin + chunk]
            m = beta_1 * gather_rows(first, rows) + (1 - beta_1) * gradient
            v = beta_2 * gather_rows(second, rows) + (1 - beta_2) * tf.square(gradient)
            updates = (
                update_rows(first, rows, m),
                update_rows(second, rows, v),
                subtract_from_rows(var, rows, rate * m / (tf.sqrt(v) + self.epsilon)),
            )
            with tf.control_dependencies(updates):
                return (begin + chunk,)

        return tf.group(tf.while_loop(lambda begin: begin < touched, update, (tf.constant(0),), parallel_iterations=1))
