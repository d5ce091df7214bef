"""LaProp in one pass over the rows that have a gradient."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Union

import tensorflow as tf

from mach_tf.training.optimizers.unique_rows import UniqueRows
from mach_tf.variable_rows import gather_rows, subtract_from_rows, update_rows

# Its square is a float32 above zero.
_LEAST_EPSILON = 1e-18
# Of the rows that the kernel updates, side by side.
_PARTS = min(os.cpu_count() or 1, 8)


class LazyLaProp(UniqueRows, tf.keras.optimizers.legacy.RMSprop):
    """Adam with the gradient normalised before it enters the momentum, not after.

    After "LaProp: Separating Momentum and Adaptivity in Adam", Ziyin, Wang and Ueda 2020. At step t, in the rows that have a
    gradient g (the others and their moments stay, as with LazyAdam):

        squares  <- beta_2 squares + (1 - beta_2) g^2
        momentum <- beta_1 momentum + (1 - beta_1) rate sqrt(1 - beta_2^t) g / sqrt(squares + epsilon^2)
        weights  <- weights - momentum

    That is RMSProp with momentum, by which Keras names it, at a rate of its own: TensorFlow has a fused kernel for rows
    of it, as it has not for Adam. The paper multiplies by the rate after the momentum, and corrects the momentum for its
    beginning at zero. Here a row's first steps are shorter, and a row that is touched again after long moves by a momentum
    made at the rates of then: as the rate falls to zero, its steps fall later.
    """

    def __init__(
        self,
        learning_rate: Union[float, tf.keras.optimizers.schedules.LearningRateSchedule],
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        """As Adam's.

        Args:
          learning_rate: number or schedule.
          beta_1: of the momentum, above 0 and below 1.
          beta_2: of the squares. A row's first gradient, late in training, is divided by sqrt(1 - beta_2) of itself and stays
            so in the momentum; in Adam it does not stay so. Hence less than Adam's 0.999.
          epsilon: at least 1e-18.
          **kwargs: of the parents.

        Raises:
          ValueError: beta_1 or epsilon is out of its range, where the parent would do something else without a word.
        """
        if not 0 < beta_1 < 1:
            raise ValueError(f"beta_1 must be above 0 and below 1 (got {beta_1!r}).")
        if epsilon < _LEAST_EPSILON:
            raise ValueError(
                f"epsilon must be at least {_LEAST_EPSILON}, or its square is no float32 (got {epsilon!r})."
            )
        super().__init__(learning_rate, rho=beta_2, momentum=beta_1, epsilon=epsilon**2, **kwargs)
        # Of the kernel for rows: its parts would wait for each other.
        self._use_locking = False

    def get_config(self) -> dict[str, Any]:
        parent = super().get_config()
        own = {"beta_1": parent["momentum"], "beta_2": parent["rho"], "epsilon": parent["epsilon"] ** 0.5}
        return {
            "name": parent["name"],
            "learning_rate": parent["learning_rate"],
            **own,
            "unique_rows": self._unique_rows,
        }

    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        prepared = apply_state[(var_device, var_dtype)]
        steps = tf.cast(self.iterations + 1, var_dtype)
        prepared["lr_t"] *= (1 - prepared["momentum"]) * tf.sqrt(1 - prepared["rho"] ** steps)

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        if "GPU" in var.device:
            return self._apply_without_kernel(grad, var, indices, apply_state)
        return self._apply_in_parts(grad, var, indices, apply_state)

    def _apply_in_parts(self, grad, var, indices, apply_state):
        """By the parent's kernel, which takes one core, on parts of the rows side by side."""
        kernel = super()._resource_apply_sparse

        def update(first, end):
            return kernel(grad[first:end], var, indices[first:end], apply_state)

        # A variable's first sparse update may move it to another buffer; updates at its side would go on writing to the one
        # before. So an update of no rows comes first. Another comes last, for what waits for the update.
        bounds = tf.size(indices) * tf.range(_PARTS + 1) // _PARTS
        with tf.control_dependencies([update(0, 0)]):
            updates = [update(bounds[part], bounds[part + 1]) for part in range(_PARTS)]
        _run_side_by_side(updates)
        with tf.control_dependencies(updates):
            return update(0, 0)

    def _apply_without_kernel(self, grad, var, indices, apply_state):
        """The same in several passes: the kernel is for the CPU alone."""
        prepared = apply_state[(var.device, var.dtype.base_dtype)]
        squares, momentum = self.get_slot(var, "rms"), self.get_slot(var, "momentum")
        new_squares = prepared["rho"] * gather_rows(squares, indices) + prepared["one_minus_rho"] * tf.square(grad)
        scaled = prepared["lr_t"] * grad * tf.math.rsqrt(new_squares + prepared["epsilon"])
        new_momentum = prepared["momentum"] * gather_rows(momentum, indices) + scaled
        return tf.group(
            update_rows(squares, indices, new_squares),
            update_rows(momentum, indices, new_momentum),
            subtract_from_rows(var, indices, new_momentum),
        )


def _run_side_by_side(operations: Sequence[tf.Operation]) -> None:
    """TensorFlow puts all that writes to a variable in a row; these keep to their control dependencies alone."""
    manager = getattr(tf.compat.v1.get_default_graph(), "experimental_acd_manager", None)
    if manager and not tf.executing_eagerly():
        for operation in operations:
            manager.run_independently(operation)
