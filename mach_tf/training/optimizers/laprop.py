"""LaProp, in one pass over the rows that have a gradient.

TensorFlow's fused kernels of RMSProp with momentum compute the rule, at the rate that `momentum_rate` gives.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Union

import tensorflow as tf

from mach_tf import devices
from mach_tf.training.optimizers import compiled_rows, lent_rows
from mach_tf.training.optimizers.unique_rows import UniqueRows

# The square of anything smaller is zero in float32.
_LEAST_EPSILON = 1e-18
# From 2.20 on, TensorFlow's kernel for rows loads its operands one by one: it takes two to three times 2.15's processor time.
# Lending the rows takes about as much, but shares it among all cores.
_SLOW_KERNEL = tuple(int(number) for number in tf.__version__.split(".")[:2]) >= (2, 20)
# Parts of the rows that are updated side by side.
_PARTS = min(os.cpu_count() or 1, 8)


def momentum_rate(rate: tf.Tensor, step: tf.Tensor, beta_1: float, beta_2: float) -> tf.Tensor:
    """The factor of a normalised gradient on its way into the momentum, at a step counted from 1."""
    return rate * ((1 - beta_1) * tf.sqrt(1 - beta_2**step))


class LazyLaProp(UniqueRows, tf.keras.optimizers.legacy.RMSprop):
    """Adam with the gradient normalised before it enters the momentum, not after.

    After "LaProp: Separating Momentum and Adaptivity in Adam", Ziyin, Wang and Ueda 2020. At step t, in the rows that have a
    gradient g (the others and their moments stay, as with LazyAdam):

        squares  <- beta_2 squares + (1 - beta_2) g^2
        momentum <- beta_1 momentum + (1 - beta_1) rate sqrt(1 - beta_2^t) g / sqrt(squares + epsilon^2)
        weights  <- weights - momentum

    That is RMSProp with momentum, which is what Keras calls it, at a rate of its own: TensorFlow has a fused kernel for
    the rows of RMSProp, which it lacks for Adam. The paper multiplies by the rate after the momentum and corrects the
    momentum for its start at zero. Here the first steps of a row are shorter, and a row that is touched again after a long
    time moves by a momentum computed with the learning rates of earlier steps: as the rate falls to zero, the steps of
    that row fall later.
    """

    def __init__(
        self,
        learning_rate: Union[float, tf.keras.optimizers.schedules.LearningRateSchedule],
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-7,
        compiled: bool = False,
        **kwargs: Any,
    ) -> None:
        """Creates the optimizer; the arguments are Adam's.

        Args:
          learning_rate: a number or a schedule.
          beta_1: decay of the momentum, above 0 and below 1.
          beta_2: decay of the squares. The first gradient of a row, late in training, is divided by sqrt(1 - beta_2) of
            itself and enters the momentum at that size, which it does not in Adam. Hence less than Adam's 0.999.
          epsilon: at least 1e-18; its square stands under the root.
          compiled: whether the update of rows is compiled, see compiled_rows.
          **kwargs: passed on to the parent classes.

        Raises:
          ValueError: beta_1 or epsilon is out of its range, for which the parent would silently do something else.
        """
        if not 0 < beta_1 < 1:
            raise ValueError(f"beta_1 must be above 0 and below 1 (got {beta_1!r}).")
        if epsilon < _LEAST_EPSILON:
            raise ValueError(
                f"epsilon must be at least {_LEAST_EPSILON}, or its square is no float32 (got {epsilon!r})."
            )
        super().__init__(learning_rate, rho=beta_2, momentum=beta_1, epsilon=epsilon**2, **kwargs)
        self._compiled = compiled
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
            "compiled": self._compiled,
        }

    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        prepared = apply_state[(var_device, var_dtype)]
        step = tf.cast(self.iterations + 1, var_dtype)
        prepared["lr_t"] = momentum_rate(prepared["lr_t"], step, prepared["momentum"], prepared["rho"])

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        if self._compiled:
            return self._apply_compiled(grad, var, indices, apply_state)
        if devices.on_gpu(var) or _SLOW_KERNEL:
            return self._apply_to_lent_rows(grad, var, indices, apply_state)
        return self._apply_in_parts(grad, var, indices, apply_state)

    def _apply_in_parts(self, grad, var, indices, apply_state):
        """Applies the parent's kernel, which uses one core, to parts of the rows side by side."""
        kernel = super()._resource_apply_sparse

        def update(first, end):
            return kernel(grad[first:end], var, indices[first:end], apply_state)

        # The first sparse update of a variable may move it to another buffer, while updates beside it would still write to
        # the old one. So an update of no rows comes first. Another comes last, for operations that wait for the update.
        bounds = tf.size(indices) * tf.range(_PARTS + 1) // _PARTS
        with tf.control_dependencies([update(0, 0)]):
            updates = [update(bounds[part], bounds[part + 1]) for part in range(_PARTS)]
        _run_side_by_side(updates)
        with tf.control_dependencies(updates):
            return update(0, 0)

    def _apply_to_lent_rows(self, grad, var, indices, apply_state):
        """Applies the kernel for dense gradients to the rows; the one for rows exists for the CPU alone, or is slow."""
        settings = self._settings(var, apply_state)
        whole = {"var": var, "ms": self.get_slot(var, "rms"), "mom": self.get_slot(var, "momentum")}

        def kernel(lent: Mapping[str, tf.Tensor], gradient: tf.Tensor) -> tf.Operation:
            return tf.raw_ops.ResourceApplyRMSProp(**lent, **settings, grad=gradient)

        return lent_rows.update(kernel, whole, indices, grad, lent_rows.chunk_rows(var))

    def _apply_compiled(self, grad, var, indices, apply_state):
        slots = self.get_slot(var, "rms"), self.get_slot(var, "momentum")
        return compiled_rows.update(var, *slots, indices, grad, self._settings(var, apply_state))

    def _settings(self, var, apply_state):
        prepared = apply_state[(var.device, var.dtype.base_dtype)]
        return {"lr": prepared["lr_t"], **{name: prepared[name] for name in ("rho", "momentum", "epsilon")}}


def _run_side_by_side(operations: Sequence[tf.Operation]) -> None:
    """Frees operations from the order that TensorFlow imposes on all writes to a variable; control dependencies still hold."""
    manager = getattr(tf.compat.v1.get_default_graph(), "experimental_acd_manager", None)
    if manager and not tf.executing_eagerly():
        for operation in operations:
            manager.run_independently(operation)
