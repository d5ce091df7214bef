"""A mixin that skips the search for duplicate row indices where gradients are known to have none."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class UniqueRows(tf.keras.optimizers.legacy.Optimizer):
    """For Keras' legacy optimizers, which sum duplicate rows of tf.IndexedSlices before each update; name it as the first base."""

    def __init__(self, *args: Any, unique_rows: bool = True, **kwargs: Any) -> None:
        """Creates the optimizer.

        Args:
          *args: passed on to the optimizer.
          unique_rows: whether the row indices of each gradient are unique; those of several replicas, concatenated, are not.
          **kwargs: passed on to the optimizer.
        """
        super().__init__(*args, **kwargs)
        self._unique_rows = unique_rows

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices, **kwargs):
        if self._unique_rows:
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)
        return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)
