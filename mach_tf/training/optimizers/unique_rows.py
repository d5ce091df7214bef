"""Row gradients whose indices are known to be unique, spared the search for duplicates."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class UniqueRows(tf.keras.optimizers.legacy.Optimizer):
    """A mixin, named first, for Keras' legacy optimizers, which look for duplicate rows of tf.IndexedSlices before each update."""

    def __init__(self, *args: Any, unique_rows: bool = True, **kwargs: Any) -> None:
        """As the optimizer's.

        Args:
          *args: of the optimizer.
          unique_rows: whether each gradient's row indices are unique; several replicas' concatenated ones are not.
          **kwargs: of the optimizer.
        """
        super().__init__(*args, **kwargs)
        self._unique_rows = unique_rows

    def _resource_apply_sparse_duplicate_indices(self, grad, handle, indices, **kwargs):
        if self._unique_rows:
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)
        return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)
