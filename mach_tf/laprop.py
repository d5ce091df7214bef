"""LaProp in one pass over the rows that have a gradient."""

from __future__ import annotations

import tensorflow as tf

from mach_tf.rows import gather_rows, update_rows


class LazyLaProp(tf.keras.optimizers.legacy.RMSprop):
    """Adam with the gradient normalised before it enters the momentum, not after.

    "LaProp: Separating Momentum and Adaptivity in Adam", Ziyin, Wang and Ueda 2020, algorithm 1, at step t and in the rows
    that have a gradient g; the others and their moments stay, as with LazyAdam:

        squares  <- beta_2 squares + (1 - beta_2) g^2
        momentum <- beta_1 momentum + (1 - beta_1) rate sqrt(1 - beta_2^t) g / sqrt(squares + epsilon^2)
        weights  <- weights - momentum

    That is RMSProp with momentum, by which the parent names it, at a rate of its own: TensorFlow has a fused kernel for rows
    of it, as it has not for Adam. The momentum's bias of the first ten steps is left: they warm up.
    """

    def __init__(
        self,
        learning_rate,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-7,
        unique_rows: bool = True,
        **kwargs,
    ):
        """As Adam's.

        Args:
          learning_rate: number or schedule.
          beta_1: of the momentum.
          beta_2: of the mean square. A row's first gradient, late in training, is divided by sqrt(1 - beta_2) of itself and
            so stays in the momentum; in Adam it does not stay so. Hence less than Adam's 0.999.
          epsilon: beside the root of the mean square; its square is added below the root.
          unique_rows: whether each gradient's row indices are unique; several replicas' concatenated ones are not.
          **kwargs: of the parent.
        """
        super().__init__(learning_rate, rho=beta_2, momentum=beta_1, epsilon=epsilon**2, **kwargs)
        self._unique_rows = unique_rows

    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        prepared = apply_state[(var_device, var_dtype)]
        steps = tf.cast(self.iterations + 1, var_dtype)
        prepared["lr_t"] *= (1 - prepared["momentum"]) * tf.sqrt(1 - prepared["rho"] ** steps)

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices, **kwargs):
        if self._unique_rows:
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)
        return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        if "GPU" in var.device:
            return self._apply_without_kernel(grad, var, indices, apply_state)
        return super()._resource_apply_sparse(grad, var, indices, apply_state)

    def _apply_without_kernel(self, grad, var, indices, apply_state):
        """The same in several passes: the kernel is for the CPU alone."""
        device, dtype = var.device, var.dtype.base_dtype
        prepared = (apply_state or {}).get((device, dtype)) or self._fallback_apply_state(device, dtype)
        squares, momentum = self.get_slot(var, "rms"), self.get_slot(var, "momentum")
        new_squares = prepared["rho"] * gather_rows(squares, indices) + prepared["one_minus_rho"] * tf.square(grad)
        scaled = prepared["lr_t"] * grad * tf.math.rsqrt(new_squares + prepared["epsilon"])
        new_momentum = prepared["momentum"] * gather_rows(momentum, indices) + scaled
        return tf.group(
            update_rows(squares, indices, new_squares),
            update_rows(momentum, indices, new_momentum),
            tf.raw_ops.ResourceScatterSub(resource=var.handle, indices=indices, updates=new_momentum),
        )
