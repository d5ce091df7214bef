"""RMSProp with one second moment for each row of W1: a third of LaProp's memory, and fewer bytes to move in a step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from mach_tf.training.optimizers.laprop import LazyLaProp
from mach_tf.variable_rows import gather_rows, update_rows


class RowwiseRMSProp(LazyLaProp):
    """RMSProp of one variable, with one second moment for each of its rows and no momentum; LaProp of the others.

    At step t, in the rows that have a gradient g (the others and their moments stay):

        squares <- beta_2 squares + (1 - beta_2) mean(g^2)
        weights <- weights - rate sqrt(1 - beta_2^t) g / sqrt(squares + epsilon^2)

    A row is what the last axis of the variable spans: of W1, [D, G, hidden], the weights of a feature in a repetition. So
    `squares` is [D, G], where LaProp's two moments are [D, G, hidden] each.
    """

    def __init__(self, *args: Any, variable: str = "hidden_kernel", **kwargs: Any) -> None:
        """Creates the optimizer.

        Args:
          *args: LaProp's arguments.
          variable: the name of the variable.
          **kwargs: LaProp's arguments.
        """
        super().__init__(*args, **kwargs)
        self._rowwise = variable

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "variable": self._rowwise}

    def get_slot(self, var, slot_name):
        """Returns a slot; None for the momentum of the variable that has none."""
        return None if slot_name == "momentum" and self._is_rowwise(var) else super().get_slot(var, slot_name)

    def _create_slots(self, var_list):
        super()._create_slots([var for var in var_list if not self._is_rowwise(var)])
        for var in filter(self._is_rowwise, var_list):
            self.add_slot(var, "rms", shape=var.shape[:-1])

    def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
        if not self._is_rowwise(var):
            return super()._resource_apply_sparse(grad, var, indices, apply_state)
        slot = self.get_slot(var, "rms")
        squares, change = _rule(grad, gather_rows(slot, indices), self._settings(var, apply_state))
        subtracted = tf.raw_ops.ResourceScatterSub(resource=var.handle, indices=indices, updates=change)
        return tf.group(update_rows(slot, indices, squares), subtracted)

    def _resource_apply_dense(self, grad, var, apply_state=None):
        if not self._is_rowwise(var):
            return super()._resource_apply_dense(grad, var, apply_state)
        slot = self.get_slot(var, "rms")
        squares, change = _rule(grad, slot, self._settings(var, apply_state))
        return tf.group(slot.assign(squares, read_value=False), var.assign_sub(change, read_value=False))

    def _is_rowwise(self, variable: tf.Variable) -> bool:
        # Of a replicated variable, the copies on other devices than the first are named for their replica.
        return re.sub(r"(/replica_\d+)?:\d+$", "", variable.name) == self._rowwise


def _rule(gradient: tf.Tensor, squares: tf.Tensor, settings: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the second moments of rows after a step, and what the step subtracts from the rows.

    Args:
      gradient: float32 [n, ..., hidden].
      squares: float32 [n, ...], the second moments before the step.
      settings: as for compiled_rows.update.
    """
    # One pass over the gradient: its squares are not stored.
    size = tf.math.reduce_euclidean_norm(gradient, axis=-1)
    mean = tf.square(size) / tf.cast(gradient.shape[-1], size.dtype)
    squares = settings["rho"] * squares + (1 - settings["rho"]) * mean
    # The rate holds the factor of a gradient that enters LaProp's momentum.
    rate = settings["lr"] / (1 - settings["momentum"])
    return squares, gradient * (rate * tf.math.rsqrt(squares + settings["epsilon"]))[..., None]
